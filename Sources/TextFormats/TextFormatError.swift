/// The first fault of a text, and its line.
package struct TextFormatError: Error, Equatable, CustomStringConvertible {
    /// The line, from 1.
    package let line: Int
    /// The reason as a clause, without any part of the text.
    package let reason: String

    /// Makes an error.
    package init(line: Int, reason: String) {
        self.line = line
        self.reason = reason
    }

    /// The line and the reason.
    package var description: String { "line \(line): \(reason)" }
}

/// The limits of a text, so that a hostile file costs little.
package struct TextLimits: Sendable {
    /// The longest text, in bytes.
    package var size = 1 << 20
    /// The most lists and tables that are open at the same time.
    package var depth = 32
    /// The most values of a document.
    package var values = 20_000

    /// 1 MiB, 32 levels, 20,000 values.
    package init() {}

    func check(_ text: [UInt8]) throws(TextFormatError) {
        guard text.count <= size else {
            throw TextFormatError(line: 1, reason: "the text has more than \(size) bytes")
        }
        guard String(validating: text, as: UTF8.self) != nil else {
            throw TextFormatError(line: 1, reason: "the text is not UTF-8")
        }
    }
}
