/// Somebody else's text, for a log line.
enum LogText {
    /// One line of at most `limit` characters, without control characters.
    static func sanitized(_ text: some StringProtocol, limit: Int = 2000) -> String {
        // Not more than is needed is looked at: the text may be megabytes.
        var tidy = ""
        var count = 0
        for character in text.unicodeScalars {
            if count == limit { return tidy + "…" }
            let isControl = character.value < 0x20 || (0x7f..<0xa0).contains(character.value)
            tidy.unicodeScalars.append(isControl ? " " : character)
            count += 1
        }
        return tidy
    }
}
