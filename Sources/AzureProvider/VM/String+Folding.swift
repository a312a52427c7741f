extension String {
    /// Without the white space around it.
    package var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// For comparing what Azure writes as it pleases: `East US`, `eastus`.
    package var folded: String { lowercased().filter { $0 != " " } }
}
