/// A command as a table: its name, its purpose, and all its settings.
///
/// The same table parses flags and environment, makes the help, and shows the configuration in the log.
public struct Command<Options: Sendable>: Sendable {
    /// Settings that the help shows together.
    public struct Section: Sendable {
        let title: String
        let settings: [Setting<Options>]

        /// Settings under a title, such as `Flags`.
        public init(_ title: String, _ settings: [Setting<Options>]) {
            self.title = title
            self.settings = settings
        }
    }

    /// The request of a command line.
    public enum Request {
        /// Run the command with these options and the operands after the flags.
        case run(Options, operands: [String])
        /// Show the usage: `-help` or `-h`.
        case help
    }

    /// The name as typed, including the program: `peerpodctl run`.
    public let name: String
    /// The purpose, as a phrase for a list of commands.
    public let summary: String
    /// The operands after the flags, for the help: `-- COMMAND...`. nil if no operands are allowed.
    public let operands: String?
    /// Further information for the user, in paragraphs.
    public let details: String
    let defaults: Options
    let sections: [Section]

    /// Makes a command. Its settings change the values of `defaults`.
    public init(
        _ name: String, summary: String, details: String = "", operands: String? = nil, defaults: Options,
        sections: [Section]
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.operands = operands
        self.defaults = defaults
        self.sections = sections
        let names = sections.flatMap(\.settings).map(\.name)
        precondition(Set(names).count == names.count, "\(name) has two settings of one name")
    }

    /// The request of `arguments`, without the command's own name, and `environment`.
    ///
    /// The syntax is Go's flag syntax: one dash or two, `-f v` or `-f=v`, switches only `-f` or `-f=v`. The first
    /// argument that is not a flag, or `--`, ends the flags. A flag overrides its variable, and a variable overrides
    /// the default. An empty variable counts as unset. Lists and maps take values from both.
    public func parse(
        _ arguments: [String], environment: [String: String]
    ) throws(ConfigurationError) -> Request {
        var parsed = FlagParser(sections.flatMap(\.settings), arguments)
        guard try parsed.run() else { return .help }
        if operands == nil, let surplus = parsed.operands.first {
            throw ConfigurationError("unexpected argument \"\(surplus)\": \(name) takes only flags")
        }
        var options = defaults
        var problems: [String] = []
        for setting in sections.flatMap(\.settings) {
            let flags = parsed.values[setting.name] ?? []
            var given: [(text: String, source: ValueSource, place: String)] = flags.map {
                ($0, .flag, "-\(setting.name)")
            }
            if let variable = setting.environment, let text = environment[variable], !text.isEmpty,
                flags.isEmpty || setting.isAppending
            {
                given.insert(
                    (text, .environment, "the environment variable \(variable) (or -\(setting.name))"), at: 0)
            }
            for (index, (text, source, place)) in given.enumerated() {
                do throws(ValueError) {
                    try setting.set(text, source, &options, index == 0)
                } catch {
                    let shown = setting.isSecret ? "" : " \"\(text)\""
                    problems.append("the value\(shown) of \(place) is not accepted: it takes \(error.expected)")
                }
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return .run(options, operands: parsed.operands)
    }

    /// The name and value of each setting in `options`, in the order of the table. Secrets are shown as `‹secret›`.
    public func values(of options: Options) -> [(name: String, value: String)] {
        sections.flatMap(\.settings).map { ($0.name, $0.show(options)) }
    }
}
