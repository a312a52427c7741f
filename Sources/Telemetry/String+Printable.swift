extension String {
    /// This text in a form that is safe for a terminal, a table, a log or an event.
    ///
    /// Text of other programs, such as a pod's name or an answer of Azure, can hold characters that control a terminal,
    /// change the reading direction, end a line or are invisible. Each of these characters becomes its JSON escape,
    /// such as `\u202e`. A JSON document therefore keeps its meaning. `keepingLines` keeps the line ends of the text.
    public func printable(keepingLines: Bool = false) -> String {
        var shown = ""
        shown.append(printable: self, keepingLines: keepingLines)
        return shown
    }

    /// Appends ``printable(keepingLines:)`` of `text`. With `quoting`, `"` and `\` are escaped too.
    mutating func append(printable text: String, quoting: Bool = false, keepingLines: Bool = false) {
        // Nearly all text is printable ASCII.
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): !quoting
            default: (0x20..<0x7f).contains(byte)
            }
        }
        if isPlain { return self += text }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where quoting, "\\" where quoting:
                self += "\\"
                unicodeScalars.append(scalar)
            case "\n" where keepingLines: self += "\n"
            case "\n": self += "\\n"
            case "\r": self += "\\r"
            case "\t": self += "\\t"
            case _ where scalar.isPrintable: unicodeScalars.append(scalar)
            default:
                // JSON writes a character with more than four hex digits as two surrogates.
                for unit in scalar.utf16 {
                    let digits = String(unit, radix: 16)
                    self += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
    }
}

extension Unicode.Scalar {
    /// Whether the character has a visible shape or is a space.
    ///
    /// Not printable are the control characters (C0, DEL, C1), the format characters (they change the reading
    /// direction, join, tag or have no width) and the separators of lines and paragraphs.
    public var isPrintable: Bool {
        if (0x20..<0x7f).contains(value) { return true }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
