/// The words that can complete a command line, from the tables that make the help.
///
/// The shells' scripts ask the program itself, so that they never differ from its flags. The answer has the form that
/// kubectl expects of a plugin: a line `word<TAB>description` for each candidate, and a last line `:4`, or `:0` where the
/// shell completes file names.
struct Completion {
    /// A word, and what it means.
    struct Candidate: Equatable {
        let word: String
        let summary: String
    }

    let candidates: [Candidate]
    /// Whether file names are possible, too.
    let allowsFiles: Bool

    private init(_ candidates: [Candidate] = [], allowsFiles: Bool = false) {
        self.candidates = candidates
        self.allowsFiles = allowsFiles
    }

    /// What may stand in place of the last of `words`, which are the arguments of the program.
    init(of words: [String], commands: [CommandOutline]) {
        let current = words.last ?? ""
        let before = Array(words.dropLast())
        let matching = commands.filter { !$0.words.isEmpty && before.starts(with: $0.words) }
        if let command = matching.max(by: { $0.words.count < $1.words.count }) {
            self = Self.arguments(of: command, Array(before.dropFirst(command.words.count)), current)
        } else if before.first == "help" {
            self = Completion(Self.next(commands, Array(before.dropFirst()), current))
        } else if before == ["completion"] {
            let shells = CompletionScript.allCases.map { Candidate(word: $0.rawValue, summary: "") }
            self = Completion(shells.filter { $0.word.hasPrefix(current) })
        } else {
            var found = Self.next(commands, before, current)
            if before.isEmpty { found += Self.builtIn.filter { $0.word.hasPrefix(current) } }
            // A program with one command takes that command's flags directly.
            let main = commands.first { $0.words.isEmpty }
            let own = main.map { Self.arguments(of: $0, before, current) } ?? Completion()
            self = Completion(found + own.candidates, allowsFiles: own.allowsFiles && found.isEmpty)
        }
    }

    private static let builtIn = [
        Candidate(word: "help", summary: "show how to use a command"),
        Candidate(word: "version", summary: "show the version"),
        Candidate(word: "completion", summary: "print the completion for a shell"),
    ]

    /// The next words of commands that begin with `before`.
    private static func next(_ commands: [CommandOutline], _ before: [String], _ current: String) -> [Candidate] {
        var found: [Candidate] = []
        for command in commands where command.words.count > before.count && command.words.starts(with: before) {
            let word = command.words[before.count]
            guard word.hasPrefix(current), !found.contains(where: { $0.word == word }) else { continue }
            let isWhole = command.words.count == before.count + 1
            found.append(Candidate(word: word, summary: isWhole ? command.summary : ""))
        }
        return found
    }

    private static func arguments(of command: CommandOutline, _ before: [String], _ current: String) -> Completion {
        let flags = Dictionary(command.flags.map { ($0.name, $0) }, uniquingKeysWith: { one, _ in one })
        var rest = before[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-" else { return operands(of: command) }
            if argument == "--" { return operands(of: command) }
            let name = argument.drop { $0 == "-" }
            guard !name.contains("="), let flag = flags[String(name)], !flag.isSwitch else { continue }
            if rest.isEmpty { return values(of: flag, current, after: "") }
            rest = rest.dropFirst()
        }
        guard current.hasPrefix("-") else { return operands(of: command) }
        let dashes = current.hasPrefix("--") ? "--" : "-"
        let text = current.dropFirst(dashes.count)
        if let equals = text.firstIndex(of: "="), let flag = flags[String(text[..<equals])] {
            return values(of: flag, String(text[text.index(after: equals)...]), after: "\(dashes)\(flag.name)=")
        }
        let found = command.flags.filter { $0.name.hasPrefix(text) }
        return Completion(found.map { Candidate(word: dashes + $0.name, summary: firstSentence($0.help)) })
    }

    private static func values(of flag: CommandOutline.Flag, _ text: String, after prefix: String) -> Completion {
        let words = flag.isSwitch ? ["true", "false"] : flag.choices
        let found = words.filter { $0.hasPrefix(text) }.map { Candidate(word: prefix + $0, summary: "") }
        return Completion(found, allowsFiles: flag.placeholder == "PATH")
    }

    /// Names of pods are not completed: only the adaptor knows them.
    private static func operands(of command: CommandOutline) -> Completion {
        Completion(allowsFiles: command.operands.map { !$0.contains("POD") } ?? false)
    }

    private static func firstSentence(_ text: String) -> String {
        let line = text.split(separator: "\n").joined(separator: " ")
        guard let end = line.firstRange(of: ". ") else { return line }
        return String(line[..<end.lowerBound]) + "."
    }

    /// The answer to the shells and to kubectl.
    var lines: [[String]] {
        candidates.map { $0.summary.isEmpty ? [$0.word] : [$0.word, $0.summary] } + [[allowsFiles ? ":0" : ":4"]]
    }
}
