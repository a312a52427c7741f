extension Command {
    /// The maximum width of a help line, in characters.
    private static var width: Int { 80 }
    /// The column of the text next to the flags.
    private static var indent: Int { 26 }

    /// The usage of the command: its flags, their variables and defaults.
    public var help: String {
        var text = "Usage: \(name)"
        if !sections.isEmpty { text += " [flags]" }
        if let operands { text += " \(operands)" }
        text += "\n\n" + HelpText.wrapped(HelpText.sentence(summary), width: Self.width) + "\n"
        if !details.isEmpty { text += "\n" + HelpText.wrapped(details, width: Self.width) + "\n" }
        for section in sections {
            text += "\n\(section.title):\n"
            for setting in section.settings { text += entry(setting) }
        }
        return text
    }

    private func entry(_ setting: Setting<Options>) -> String {
        var left = "  -\(setting.name)"
        if !setting.placeholder.isEmpty { left += " \(setting.placeholder)" }
        var notes: [String] = []
        if let variable = setting.environment { notes.append("environment \(variable)") }
        // The help must not print secrets.
        let value = setting.isSecret ? "" : setting.show(defaults)
        if !value.isEmpty, !(setting.isSwitch && value == "false") { notes.append("default \(value)") }
        var help = setting.help
        if !setting.legend.isEmpty { help += " One of \(setting.legend)." }
        if !notes.isEmpty { help += " [\(notes.joined(separator: ", "))]" }
        let lines = HelpText.wrapped(help, width: Self.width - Self.indent).split(separator: "\n")
        let margin = String(repeating: " ", count: Self.indent)
        let fits = left.count + 2 <= Self.indent
        var text = fits ? left + margin.dropFirst(left.count) : left + "\n" + margin
        text += lines.joined(separator: "\n\(margin)") + "\n"
        return text
    }
}

/// Formats text in lines of a given width.
enum HelpText {
    /// `text` with line breaks between words. Empty lines stay.
    static func wrapped(_ text: String, width: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { paragraph in
            // An indented paragraph is an example: its lines keep the indentation.
            let indentation = String(paragraph.prefix { $0 == " " })
            var lines: [String] = [""]
            for word in paragraph.split(separator: " ") {
                if lines[lines.count - 1].isEmpty {
                    lines[lines.count - 1] = String(word)
                } else if indentation.count + lines[lines.count - 1].count + 1 + word.count <= width {
                    lines[lines.count - 1] += " " + word
                } else {
                    lines.append(String(word))
                }
            }
            return lines.map { $0.isEmpty ? "" : indentation + $0 }.joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// A phrase as a complete sentence.
    static func sentence(_ phrase: String) -> String {
        phrase.prefix(1).uppercased() + phrase.dropFirst() + (phrase.hasSuffix(".") ? "" : ".")
    }
}
