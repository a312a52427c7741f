/// The manual page of a program in the language of man(7), from the tables that make the help.
struct ManualPage {
    let program: String
    let version: String
    let summary: String
    /// 1 for a user's program, 8 for a daemon.
    let section: Int
    let commands: [CommandOutline]

    /// The page, without a date, so that two builds give the same bytes.
    var text: String {
        var lines: [Substring] = []
        for line in whole.split(separator: "\n") {
            let last = lines.last ?? ""
            // A heading begins a paragraph by itself.
            if line == ".PP", last == ".PP" || last.hasPrefix(".SH ") || last.hasPrefix(".SS ") { continue }
            if line.hasPrefix(".SH "), last == ".br" { lines.removeLast() }
            lines.append(line)
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private var whole: String {
        let manual = section == 8 ? "System Manager's Manual" : "User Commands"
        var text = ".TH \(program.uppercased()) \(section) \"\" \"\(program) \(version)\" \"\(manual)\"\n"
        text += ".SH NAME\n\(Self.plain(program)) \\- \(Self.plain(summary))\n.SH SYNOPSIS\n"
        for command in commands { text += Self.synopsis(program, command) }
        text += ".SH DESCRIPTION\n" + Self.paragraphs(HelpText.sentence(summary))
        text += Self.paragraphs(
            "A flag has one dash or two, and its value follows as the next argument or after an equals sign. A flag "
                + "overrides the environment variable that stands beside it, and an empty variable counts as unset.")
        if let main = commands.first(where: \.words.isEmpty) {
            text += Self.paragraphs(main.details)
            for section in main.sections { text += ".SH \(section.title.uppercased())\n" + Self.list(section.flags) }
        }
        let named = commands.filter { !$0.words.isEmpty }
        if !named.isEmpty { text += ".SH COMMANDS\n" }
        for command in named {
            text += ".SS \"\(Self.plain(program + " " + command.words.joined(separator: " ")))\"\n"
            text += Self.paragraphs(HelpText.sentence(command.summary)) + Self.paragraphs(command.details)
            for section in command.sections {
                text += ".PP\n\(Self.plain(section.title)):\n" + Self.list(section.flags)
            }
        }
        text += """
            .SS "\(Self.plain(program)) help [COMMAND]"
            Show how to use a command.
            .SS "\(Self.plain(program)) version"
            Show the version.
            .SS "\(Self.plain(program)) completion bash|zsh|fish"
            Print the completion for a shell.

            """
        return text
    }

    private static func synopsis(_ program: String, _ command: CommandOutline) -> String {
        var line = ".B " + plain(([program] + command.words).joined(separator: " ")) + "\n"
        if !command.sections.isEmpty { line += "[\\fIflags\\fR]\n" }
        if let operands = command.operands { line += plain(operands) + "\n" }
        return line + ".br\n"
    }

    private static func list(_ flags: [CommandOutline.Flag]) -> String {
        flags.map { flag in
            var text = ".TP\n.B \(plain("-" + flag.name))"
            text += flag.placeholder.isEmpty ? "\n" : " \\fI\(plain(flag.placeholder))\\fR\n"
            var help = flag.help.split(separator: "\n").joined(separator: " ")
            if !flag.choices.isEmpty { help += " One of \(flag.choices.joined(separator: ", "))." }
            if let variable = flag.environment { help += " Environment: \(variable)." }
            if !flag.value.isEmpty { help += " Default: \(flag.value)." }
            return text + plain(help) + "\n"
        }.joined()
    }

    /// Paragraphs; indented lines are examples and keep their lines.
    private static func paragraphs(_ text: String) -> String {
        var lines: [String] = []
        var isExample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = line.hasPrefix("  ")
            if isIndented != isExample { lines.append(isIndented ? ".PP\n.nf" : ".fi") }
            isExample = isIndented
            if line.allSatisfy(\.isWhitespace) {
                if lines.last != ".PP" { lines.append(".PP") }
            } else {
                lines.append(plain(String(line)))
            }
        }
        if isExample { lines.append(".fi") }
        while lines.last == ".PP" { lines.removeLast() }
        return lines.isEmpty ? "" : ".PP\n" + lines.map { $0 + "\n" }.joined()
    }

    /// Text in which no character is a request or an escape.
    static func plain(_ text: String) -> String {
        var shown = text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" : ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": shown += "\\e"
            case "-": shown += "\\-"
            case "\"": shown += "\\(dq"
            case "'": shown += "\\(aq"
            case "^": shown += "\\(ha"
            case "~": shown += "\\(ti"
            case "`": shown += "\\(ga"
            case "\n": shown += " "
            case _ where scalar.isASCII: shown.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                shown += "\\[u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "]"
            }
        }
        return shown
    }
}
