internal import Telemetry

/// The source of a value.
public enum ValueSource: Sendable {
    /// The command line.
    case flag
    /// The environment.
    case environment
}

/// One row of a program's table of settings: a flag, an optional environment variable, and the field of `Options` that
/// they set.
///
/// The default is the value of the field in a new `Options`, and is stored in no other place. Code that uses a setting
/// reads a plain field of a plain struct:
///
///     struct Options { var port = 15150 }
///     let settings = [Setting("port", environment: "PORT", \Options.port, .integer(in: 1...65535), "The TCP port.")]
public struct Setting<Options: Sendable>: Sendable {
    /// The flag's name, without dashes.
    public let name: String
    /// The environment variable, if there is one. The flag overrides it.
    public let environment: String?
    /// The purpose, in sentences, without the default.
    public let help: String
    /// Whether the flag without a value means true. A value is then accepted only as `-flag=value`.
    let isSwitch: Bool
    /// Whether a second value is added to the first. Otherwise it replaces the first.
    let isAppending: Bool
    /// Whether the value is never shown.
    package let isSecret: Bool
    /// The name of the value in the help.
    let placeholder: String
    /// The accepted values, if the placeholder cannot describe them.
    let legend: String
    /// The accepted words, if there are only a few.
    let choices: [String]

    /// Parses a value into its field. `isFirst` is true for the first value, which replaces the default.
    let set:
        @Sendable (_ text: String, _ source: ValueSource, _ options: inout Options, _ isFirst: Bool)
            throws(ValueError) -> Void
    /// The field as text that would set it. A secret that is set gives `‹secret›`.
    let show: @Sendable (Options) -> String

    /// Makes a setting for the field at `field`. `format` parses and prints the value.
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
        choices = format.choices
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
        choices = other.choices
        self.set = set
        self.show = show
    }

    /// The same setting, which also stores the source of its value at `field`. For the default it stores nothing.
    public func notingSource(at field: any WritableKeyPath<Options, ValueSource?> & Sendable) -> Setting {
        let set = set
        return Setting(
            like: self,
            set: { (text, source, options, isFirst) throws(ValueError) in
                try set(text, source, &options, isFirst)
                options[keyPath: field] = source
            }, show: show)
    }

    /// The same setting, for options that contain these options at `field`.
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
