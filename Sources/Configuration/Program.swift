internal import LinuxIO
internal import Telemetry

/// A program with several commands, or with one command and its variants.
///
/// The program itself handles `help`, `help COMMAND`, `version`, `completion SHELL` and `man`. For invalid input it writes
/// a sentence to standard error and returns ``usageStatus``.
public struct Program: Sendable {
    /// One command of a program. It hides the type of the command's options.
    public struct Entry: Sendable {
        let word: String
        let summary: String
        let help: @Sendable () -> String
        /// nil for a command that cannot run.
        let outline: CommandOutline?
        let run: @Sendable (_ arguments: [String], _ environment: [String: String]) throws(ConfigurationError) -> Int32?

        /// The words of the command line that select the command.
        var words: [String] { word.split(separator: " ").map(String.init) }

        /// The command that `word` selects. `word` may be two words, such as `check azure`. `body` runs the command and
        /// returns the program's exit status.
        public init<Options>(
            _ word: String, _ command: Command<Options>,
            _ body:
                @escaping @Sendable (_ options: Options, _ operands: [String], _ environment: [String: String])
                throws(ConfigurationError) -> Int32
        ) {
            self.word = word
            summary = command.summary
            help = { command.help }
            outline = command.outline(word.split(separator: " ").map(String.init))
            run = { (arguments, environment) throws(ConfigurationError) in
                switch try command.parse(arguments, environment: environment) {
                case .help: nil
                case .run(let options, let operands): try body(options, operands, environment)
                }
            }
        }

        /// The command that `word` selects, without operands. `body` can read the settings again: `reread` parses the
        /// same command line and environment, and the settings file as it is then.
        public init<Options>(
            rereading word: String, _ command: Command<Options>,
            _ body:
                @escaping @Sendable (
                    _ options: Options, _ reread: @escaping @Sendable () throws(ConfigurationError) -> Options,
                    _ environment: [String: String]
                ) throws(ConfigurationError) -> Int32
        ) {
            self.word = word
            summary = command.summary
            help = { command.help }
            outline = command.outline(word.split(separator: " ").map(String.init))
            run = { (arguments, environment) throws(ConfigurationError) in
                guard case .run(let options, _) = try command.parse(arguments, environment: environment) else {
                    return nil
                }
                let reread = { @Sendable () throws(ConfigurationError) -> Options in
                    guard case .run(let new, _) = try command.parse(arguments, environment: environment) else {
                        return options
                    }
                    return new
                }
                return try body(options, reread, environment)
            }
        }

        /// A known command that cannot run with any arguments. `reason` is a sentence.
        public init(_ word: String, summary: String, unavailable reason: String) {
            self.word = word
            self.summary = summary
            help = { reason + "\n" }
            outline = nil
            run = { (_, _) throws(ConfigurationError) in throw ConfigurationError(reason) }
        }
    }

    /// The output of a program.
    ///
    /// All written text is printable, whatever its source. Only line ends are kept.
    public struct Output: Sendable {
        private let writeStandard: @Sendable (String) -> Void
        private let writeError: @Sendable (String) -> Void

        /// Makes an output that uses these two functions.
        public init(standard: @escaping @Sendable (String) -> Void, error: @escaping @Sendable (String) -> Void) {
            writeStandard = standard
            writeError = error
        }

        /// Writes the requested result.
        public func standard(_ text: String) { writeStandard(text.printable(keepingLines: true)) }

        /// Writes lines of fields with a tab between them, for another program.
        func fields(_ lines: [[String]]) {
            writeStandard(lines.map { $0.map { $0.printable() }.joined(separator: "\t") + "\n" }.joined())
        }

        /// Writes a message of the program.
        public func error(_ text: String) { writeError(text.printable(keepingLines: true)) }

        /// The process's own standard output and standard error.
        public static let process = Output(standard: { StandardOutput.write($0) }, error: { StandardError.write($0) })
    }

    /// The program's name.
    public let name: String
    /// The text that `version` prints after the name.
    public let version: String
    /// The purpose, as a phrase.
    public let summary: String
    let entries: [Entry]
    let main: Entry?
    let output: Output
    /// The exit status for an invalid command line or environment.
    public let usageStatus: Int32
    /// The section of the manual: 1 for a user's program, 8 for a daemon.
    let manualSection: Int

    /// Makes a program of `entries`. `main` runs if the command line names no other command.
    public init(
        _ name: String, version: String, summary: String, entries: [Entry], main: Entry? = nil,
        usageStatus: Int32 = 1, manualSection: Int = 8, output: Output = .process
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.entries = entries
        self.main = main
        self.usageStatus = usageStatus
        self.manualSection = manualSection
        self.output = output
    }

    /// Runs the command that `arguments` (without the program's path) select. Returns the exit status.
    public func run(_ arguments: [String], environment: [String: String]) -> Int32 {
        let word = arguments.first
        if let entry = entries.first(where: { arguments.starts(with: $0.words) }) {
            return run(entry, Array(arguments.dropFirst(entry.words.count)), environment)
        }
        switch word {
        case "help":
            let topic = Array(arguments.dropFirst())
            output.standard(entries.first { topic.starts(with: $0.words) }?.help() ?? help)
            return 0
        case "version":
            output.standard("\(name) \(version)\n")
            return 0
        case "completion": return printCompletion(Array(arguments.dropFirst()))
        case "man" where arguments.count == 1:
            output.standard(manualPage)
            return 0
        case "__complete":
            output.fields(Completion(of: Array(arguments.dropFirst()), commands: outlines).lines)
            return 0
        case let word?:
            if let main { return run(main, arguments, environment) }
            if ["-help", "--help", "-h", "--h"].contains(word) {
                output.standard(help)
                return 0
            }
            output.error("\(name): there is no command \"\(word)\"\n\n\(help)")
            return usageStatus
        case nil:
            if let main { return run(main, arguments, environment) }
            output.error(help)
            return usageStatus
        }
    }

    private func printCompletion(_ arguments: [String]) -> Int32 {
        guard arguments.count == 1, let script = CompletionScript(rawValue: arguments[0]) else {
            let shells = CompletionScript.allCases.map(\.rawValue).joined(separator: ", ")
            output.error("\(name) completion: name a shell, one of \(shells)\n")
            return usageStatus
        }
        output.standard(script.text(for: name))
        return 0
    }

    /// The commands that can run, with the main command if there is one.
    private var outlines: [CommandOutline] { ((main.map { [$0] } ?? []) + entries).compactMap(\.outline) }

    /// The manual page, in the language of man(7).
    var manualPage: String {
        ManualPage(
            program: name, version: version, summary: summary, section: manualSection, commands: outlines
        ).text
    }

    private func run(_ entry: Entry, _ arguments: [String], _ environment: [String: String]) -> Int32 {
        let command = entry.word.isEmpty ? name : "\(name) \(entry.word)"
        do throws(ConfigurationError) {
            if let status = try entry.run(arguments, environment) { return status }
            output.standard(entry.help())
            return 0
        } catch {
            for problem in error.problems { output.error("\(command): \(problem)\n") }
            output.error("Try \(command) -help for all flags.\n")
            return usageStatus
        }
    }

    /// The purpose of the program, and its commands.
    public var help: String {
        if let main, entries.isEmpty { return main.help() }
        var text = main.map { $0.help() + "\n" } ?? ""
        if main == nil {
            text =
                "Usage: \(name) COMMAND [flags]\n\n" + HelpText.wrapped(HelpText.sentence(summary), width: 80) + "\n\n"
        }
        let rows =
            entries.map { ($0.word, $0.summary) } + [
                ("help [COMMAND]", "show how to use a command"), ("version", "show the version"),
                ("completion SHELL", "print the completion for bash, zsh or fish"),
            ]
        let column = (rows.map(\.0.count).max() ?? 0) + 4
        text += "Commands:\n"
        for (word, summary) in rows {
            let margin = String(repeating: " ", count: column)
            let left = "  \(word)" + margin.dropFirst(word.count + 2)
            let lines = HelpText.wrapped(summary, width: 80 - column).split(separator: "\n")
            text += left + lines.joined(separator: "\n\(margin)") + "\n"
        }
        return text
    }
}
