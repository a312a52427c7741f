/// Text from Azure or from a pod, for a log line or an error.
enum LogText {
    /// One line of at most `limit` characters, without control characters.
    static func sanitized(_ text: some StringProtocol, limit: Int = 2000) -> String {
        // The loop reads only the needed part: the text may have megabytes.
        var result = ""
        var count = 0
        for character in text.unicodeScalars {
            if count == limit { return result + "…" }
            let isControl = character.value < 0x20 || (0x7f..<0xa0).contains(character.value)
            result.unicodeScalars.append(isControl ? " " : character)
            count += 1
        }
        return result
    }
}

extension String {
    /// A form for comparing names that Azure writes in different forms: `East US`, `eastus`.
    package var folded: String { lowercased().filter { $0 != " " } }
}
