internal import Telemetry

/// Where a value was given.
public enum ValueSource: Sendable {
    /// On the command line.
    case flag
    /// In the environment.
    case environment
}

/// One row of a program's table of settings: a flag, maybe an environment variable,
/// and the field of `Options` that they fill.
///
/// The default is what the field holds in a fresh `Options`; there is no second place
/// that knows it. Use sites read plain fields of a plain struct:
///
///     struct Options { var port = 15150 }
///     let settings = [Setting("port", environment: "PORT", \Options.port, .integer(in: 1...65535), "The TCP port.")]
public struct Setting<Options: Sendable>: Sendable {
    /// The flag's name, without dashes.
    public let name: String
    /// The environment variable that the flag takes precedence over, if there is one.
    public let environment: String?
    /// What it is for: sentences, without a word on the default.
    public let help: String
    /// Whether the flag alone means true, and takes a value only as `-flag=value`.
    let isSwitch: Bool
    /// Whether a second value is added to the first instead of replacing it.
    let isAppending: Bool
    let isSecret: Bool
    /// What stands for the value in help.
    let placeholder: String
    /// What is accepted, where the placeholder cannot say it.
    let legend: String

    /// Reads a value into its field; `isFirst` until one was given, when there is only the default to replace.
    let set:
        @Sendable (_ text: String, _ source: ValueSource, _ options: inout Options, _ isFirst: Bool)
            throws(ValueError) -> Void
    /// The field as text that would set it; `‹secret›` for a secret that is set.
    let show: @Sendable (Options) -> String

    /// A setting of the field at `field`, read and written as `format` says.
    public init<Value>(
        _ name: String, environment: String? = nil, _ field: any WritableKeyPath<Options, Value> & Sendable,
        _ format: ValueFormat<Value>, _ help: String
    ) {
        self.name = name
        self.environment = environment
        self.help = help
        isSwitch = format.isSwitch
        isAppending = format.append != nil
        isSecret = format.isSecret
        placeholder = format.placeholder
        legend = format.legend
        set = { (text, given, options, isFirst) throws(ValueError) in
            let parse = given == .environment ? format.parseVariable ?? format.parse : format.parse
            let value = try parse(text)
            if let append = format.append, !isFirst {
                append(&options[keyPath: field], value)
            } else {
                options[keyPath: field] = value
            }
        }
        show = { format.show($0[keyPath: field]) }
    }

    private init(
        like other: Setting<some Sendable>,
        set: @escaping @Sendable (String, ValueSource, inout Options, Bool) throws(ValueError) -> Void,
        show: @escaping @Sendable (Options) -> String
    ) {
        name = other.name
        environment = other.environment
        help = other.help
        isSwitch = other.isSwitch
        isAppending = other.isAppending
        isSecret = other.isSecret
        placeholder = other.placeholder
        legend = other.legend
        self.set = set
        self.show = show
    }

    /// The same setting, which also notes at `field` where its value was given; while the default holds, nothing is noted.
    public func notingSource(at field: any WritableKeyPath<Options, ValueSource?> & Sendable) -> Setting {
        let set = set
        return Setting(
            like: self,
            set: { (text, source, options, isFirst) throws(ValueError) in
                try set(text, source, &options, isFirst)
                options[keyPath: field] = source
            }, show: show)
    }

    /// The same setting, of options that hold these options at `field`.
    public func within<Outer: Sendable>(_ field: any WritableKeyPath<Outer, Options> & Sendable) -> Setting<Outer> {
        let (set, show) = (set, show)
        return Setting<Outer>(
            like: self,
            set: { (text, source, outer, isFirst) throws(ValueError) in
                try set(text, source, &outer[keyPath: field], isFirst)
            },
            show: { show($0[keyPath: field]) })
    }
}
