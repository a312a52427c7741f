/// A command without the type of its options: what help, completion and manual page say of it.
struct CommandOutline: Sendable {
    /// A setting without the type of its options.
    struct Flag: Sendable {
        /// Without dashes.
        let name: String
        let environment: String?
        let help: String
        let isSwitch: Bool
        let placeholder: String
        /// The accepted words, if there are only a few.
        let choices: [String]
        /// The default as text; empty if there is none, and for secrets.
        let value: String
    }

    /// The words that select the command; empty for a program's main command.
    let words: [String]
    let summary: String
    let details: String
    let operands: String?
    let sections: [(title: String, flags: [Flag])]

    var flags: [Flag] { sections.flatMap(\.flags) }
}

extension Command {
    /// This command as the entry `words` of a program.
    func outline(_ words: [String]) -> CommandOutline {
        CommandOutline(
            words: words, summary: summary, details: details, operands: operands,
            sections: sections.map { section in
                (
                    section.title,
                    section.settings.map { setting in
                        let value = setting.isSecret ? "" : setting.show(defaults)
                        return CommandOutline.Flag(
                            name: setting.name, environment: setting.environment, help: setting.help,
                            isSwitch: setting.isSwitch, placeholder: setting.placeholder, choices: setting.choices,
                            value: setting.isSwitch && value == "false" ? "" : value)
                    }
                )
            })
    }
}
