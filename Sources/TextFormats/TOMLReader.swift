/// The lexical part of TOML: keys, strings, blanks and comments.
package struct TOMLReader {
    private let text: [UInt8]
    private var position = 0

    private static let newline = UInt8(ascii: "\n")
    private static let backslash = UInt8(ascii: "\\")

    /// A reader at the beginning of `text`.
    package init(_ text: [UInt8]) { self.text = text }

    /// The next byte; nil at the end.
    var next: UInt8? { position < text.count ? text[position] : nil }

    /// A failure at the current line.
    package func failure(_ reason: String) -> TextFormatError {
        TextFormatError(line: 1 + text[..<position].count { $0 == Self.newline }, reason: reason)
    }

    /// Takes these characters if they come next.
    package mutating func take(_ characters: String) -> Bool {
        guard text[position...].starts(with: characters.utf8) else { return false }
        position += characters.utf8.count
        skipBlanks()
        return true
    }

    private mutating func skipBlanks() { while next == 0x20 || next == 0x09 { position += 1 } }

    /// Skips blanks, empty lines and comments. Returns whether more text comes.
    package mutating func skipToContent() throws(TextFormatError) -> Bool {
        while true {
            skipBlanks()
            guard let byte = next else { return false }
            if byte == UInt8(ascii: "#") { try skipComment() } else if byte != Self.newline { return true }
            if next != nil { position += 1 }
        }
    }

    private mutating func skipComment() throws(TextFormatError) {
        while let byte = next, byte != Self.newline {
            try check(byte)
            position += 1
        }
    }

    /// Takes the rest of a line: blanks and a comment.
    package mutating func endLine() throws(TextFormatError) {
        skipBlanks()
        if next == UInt8(ascii: "#") { try skipComment() }
        guard next == nil || next == Self.newline else { throw failure("there is text after a value") }
    }

    /// One bare or quoted key, and the blanks after it.
    package mutating func key() throws(TextFormatError) -> String {
        let key: String
        switch next {
        case UInt8(ascii: "\""): key = try line(until: UInt8(ascii: "\""), unescapes: true)
        case UInt8(ascii: "'"): key = try line(until: UInt8(ascii: "'"), unescapes: false)
        default:
            let start = position
            while let byte = next, Self.isBare(byte) { position += 1 }
            guard position > start else { throw failure("a key or a table is expected") }
            key = String(decoding: text[start..<position], as: UTF8.self)
        }
        skipBlanks()
        return key
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// A string of any form; nil if no string comes next.
    package mutating func string() throws(TextFormatError) -> String? {
        for quote in [UInt8(ascii: "\""), UInt8(ascii: "'")] where next == quote {
            let unescapes = quote == UInt8(ascii: "\"")
            let isLong = text[position...].prefix(3).count { $0 == quote } == 3
            return isLong
                ? try lines(until: quote, unescapes: unescapes) : try line(until: quote, unescapes: unescapes)
        }
        return nil
    }

    /// The bytes up to one that ends a value: a blank, a line's end, a comma, a bracket, a brace or a comment.
    mutating func word() -> String {
        let start = position
        while let byte = next, byte > 0x20, !",]}#".utf8.contains(byte) { position += 1 }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    /// A string of one line, from its quote on.
    private mutating func line(until quote: UInt8, unescapes: Bool) throws(TextFormatError) -> String {
        position += 1
        var content: [UInt8] = []
        while let byte = next, byte != Self.newline {
            try check(byte)
            position += 1
            if byte == quote { return String(decoding: content, as: UTF8.self) }
            if unescapes, byte == Self.backslash { try escape(&content) } else { content.append(byte) }
        }
        throw failure("a string has no end on its line")
    }

    /// A string of several lines, from its three quotes on. A newline directly after them is not part of the string.
    private mutating func lines(until quote: UInt8, unescapes: Bool) throws(TextFormatError) -> String {
        position += 3
        if next == Self.newline { position += 1 }
        var content: [UInt8] = []
        while let byte = next {
            try check(byte)
            if byte == quote {
                let run = text[position...].prefix { $0 == quote }.count
                position += run
                // A string may end with one or two quotes before the three that end it.
                guard run <= 5 else { throw failure("a string ends with too many quotes") }
                content.append(contentsOf: repeatElement(quote, count: run < 3 ? run : run - 3))
                if run >= 3 { return String(decoding: content, as: UTF8.self) }
                continue
            }
            position += 1
            if !unescapes || byte != Self.backslash {
                content.append(byte)
            } else if !skipLineEnd() {
                try escape(&content)
            }
        }
        throw failure("a string of several lines has no end")
    }

    /// Skips the end of a line and the blanks of the next lines, after a backslash at the end of a line.
    private mutating func skipLineEnd() -> Bool {
        let rest = text[position...].prefix { $0 == 0x20 || $0 == 0x09 || $0 == Self.newline }
        guard let first = rest.first(where: { $0 != 0x20 && $0 != 0x09 }), first == Self.newline else { return false }
        position += rest.count
        return true
    }

    /// The character of an escape sequence, after its backslash.
    private mutating func escape(_ content: inout [UInt8]) throws(TextFormatError) {
        guard let letter = next else { throw failure("an escape sequence has no end") }
        position += 1
        switch letter {
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "\""), Self.backslash: content.append(letter)
        case UInt8(ascii: "u"): try unicode(digits: 4, &content)
        case UInt8(ascii: "U"): try unicode(digits: 8, &content)
        default: throw failure("an escape sequence is unknown")
        }
    }

    private mutating func unicode(digits: Int, _ content: inout [UInt8]) throws(TextFormatError) {
        let text = text[position...].prefix(digits)
        guard text.count == digits, text.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit && $0 < 0x80 }),
            let number = UInt32(String(decoding: text, as: UTF8.self), radix: 16), let scalar = UnicodeScalar(number)
        else { throw failure("an escape sequence is not a Unicode character") }
        position += digits
        content += Array(Character(scalar).utf8)
    }

    /// Refuses control characters other than tab and newline.
    private func check(_ byte: UInt8) throws(TextFormatError) {
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 || byte == Self.newline else {
            throw failure("there is a control character, such as a carriage return")
        }
    }
}
