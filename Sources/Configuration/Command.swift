/// A command as a table: what it is called, what it does, and every setting it has.
///
/// The same table reads flags and environment, makes the help, and shows the
/// configuration in the log.
public struct Command<Options: Sendable>: Sendable {
    /// Settings that help shows together.
    public struct Section: Sendable {
        let title: String
        let settings: [Setting<Options>]

        /// Settings under a title, such as `Flags`.
        public init(_ title: String, _ settings: [Setting<Options>]) {
            self.title = title
            self.settings = settings
        }
    }

    /// What a command line asks for.
    public enum Request {
        /// To run with these options, and what followed the flags.
        case run(Options, operands: [String])
        /// To say how it is used: `-help` or `-h`.
        case help
    }

    /// Its name as typed, program included: `peerpodctl run`.
    public let name: String
    /// What it does, as a phrase for a list of commands.
    public let summary: String
    /// What follows the flags, for help: `-- COMMAND...`; nil when nothing may.
    public let operands: String?
    /// What is to be known beyond the flags, in paragraphs.
    public let details: String
    let defaults: Options
    let sections: [Section]

    /// A command whose settings fill in `defaults`.
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

    /// What `arguments`, without the command's own name, and `environment` ask for.
    ///
    /// Go's flag syntax: one dash or two, `-f v` or `-f=v`, switches only `-f` or
    /// `-f=v`; the first argument that is not a flag, or `--`, ends the flags.
    /// A flag is stronger than its variable, which is stronger than the default; an
    /// empty variable counts as unset. Lists and maps take from both.
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

    /// Each setting's name and value in `options`, in the table's order; secrets as `‹secret›`.
    public func values(of options: Options) -> [(name: String, value: String)] {
        sections.flatMap(\.settings).map { ($0.name, $0.show(options)) }
    }
}
