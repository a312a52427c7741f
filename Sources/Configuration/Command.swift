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
    /// The name of the setting that names a file of variables.
    let settingsFile: String?

    /// Makes a command. Its settings change the values of `defaults`.
    ///
    /// The value of the setting `settingsFile`, if it has one, is the path of a file of lines `NAME=VALUE`, or of a
    /// directory with a file for each variable, such as a mounted ConfigMap. Its variables override the environment's.
    public init(
        _ name: String, summary: String, details: String = "", operands: String? = nil, defaults: Options,
        sections: [Section], settingsFile: String? = nil
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.operands = operands
        self.defaults = defaults
        self.sections = sections
        self.settingsFile = settingsFile
        let names = sections.flatMap(\.settings).map(\.name)
        precondition(Set(names).count == names.count, "\(name) has two settings of one name")
    }

    /// The request of `arguments`, without the command's own name, and `environment`.
    ///
    /// The syntax is Go's flag syntax: one dash or two, `-f v` or `-f=v`, switches only `-f` or `-f=v`. The first
    /// argument that is not a flag, or `--`, ends the flags. A flag overrides its variable in the settings file, which
    /// overrides the variable in the environment, which overrides the default. An empty variable counts as unset. Lists
    /// and maps take values from a flag and a variable.
    public func parse(
        _ arguments: [String], environment: [String: String]
    ) throws(ConfigurationError) -> Request {
        var parsed = FlagParser(sections.flatMap(\.settings), arguments)
        guard try parsed.run() else { return .help }
        if operands == nil, let surplus = parsed.operands.first {
            throw ConfigurationError("unexpected argument \"\(surplus)\": \(name) takes only flags")
        }
        let file = try variables(inFileOf: parsed, environment)
        let environment = environment.merging(file) { $1 }
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

    /// The variables of the settings file, if there is one.
    private func variables(
        inFileOf parsed: FlagParser, _ environment: [String: String]
    ) throws(ConfigurationError) -> [String: String] {
        guard let setting = sections.flatMap(\.settings).first(where: { $0.name == settingsFile }) else { return [:] }
        let path = parsed.values[setting.name]?.last ?? setting.environment.flatMap { environment[$0] } ?? ""
        return path.isEmpty ? [:] : try SettingsFile.read(path)
    }

    /// The name and value of each setting in `options`, in the order of the table. Secrets are shown as `‹secret›`.
    public func values(of options: Options) -> [(name: String, value: String)] {
        sections.flatMap(\.settings).map { ($0.name, $0.show(options)) }
    }
}
