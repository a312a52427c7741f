/// How a log line becomes bytes.
///
/// Whatever a message or a field holds - a pod's name, an answer from elsewhere - a
/// line stays one line, a terminal gets no commands from it, and JSON stays JSON.
enum LineStyle: Sendable, Equatable {
    case human(colored: Bool)
    case json

    /// Longest text of a message or a field, in bytes: a line must not fill a disk.
    static let textLimit = 8 << 10

    func line(at time: WallTime, _ level: LogLevel, _ message: String, _ fields: [LogField]) -> [UInt8] {
        var text = ""
        text.reserveCapacity(128 + message.utf8.count + fields.count * 32)
        switch self {
        case .human(let colored): Self.human(&text, time, level, message, fields, colored: colored)
        case .json: Self.json(&text, time, level, message, fields)
        }
        text += "\n"
        return Array(text.utf8)
    }

    private static func human(
        _ line: inout String, _ time: WallTime, _ level: LogLevel, _ message: String, _ fields: [LogField],
        colored: Bool
    ) {
        let (label, color) =
            switch level {
            case .debug: ("DEBUG", "2")
            case .info: ("INFO ", "32")
            case .warning: ("WARN ", "33")
            case .error: ("ERROR", "31")
            }
        line += time.clock
        line += colored ? " \u{1b}[\(color)m\(label)\u{1b}[0m " : " \(label) "
        append(cut(message), to: &line, quotes: false)
        for field in fields {
            line += "  "
            append(field.key, to: &line, quotes: false)
            line += "="
            switch field.value {
            case .integer(let number): line += String(number)
            case .bool(let truth): line += truth ? "true" : "false"
            case .text(let text):
                let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") }
                if !isPlain { line += "\"" }
                append(cut(text), to: &line, quotes: !isPlain)
                if !isPlain { line += "\"" }
            }
        }
    }

    private static func json(
        _ line: inout String, _ time: WallTime, _ level: LogLevel, _ message: String, _ fields: [LogField]
    ) {
        line += "{\"time\":\"\(time)\",\"level\":\"\(level)\",\"message\":\""
        append(cut(message), to: &line, quotes: true)
        line += "\""
        for field in fields {
            let isReserved = ["time", "level", "message"].contains(field.key)
            line += ",\""
            append(field.key, to: &line, quotes: true)
            line += isReserved ? "_\":" : "\":"
            switch field.value {
            case .integer(let number): line += String(number)
            case .bool(let truth): line += truth ? "true" : "false"
            case .text(let text):
                line += "\""
                append(cut(text), to: &line, quotes: true)
                line += "\""
            }
        }
        line += "}"
    }

    /// `text` up to the limit, with a word on what is missing.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        let head = String(decoding: text.utf8.prefix(textLimit), as: UTF8.self)
        return head + "… (\(text.utf8.count) bytes in all)"
    }

    /// Appends `text` with JSON's escapes for what no line should hold; with `quotes`,
    /// for `"` and `\` as well.
    private static func append(_ text: String, to line: inout String, quotes: Bool) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where quotes, "\\" where quotes:
                line += "\\"
                line.unicodeScalars.append(scalar)
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            // Control characters, line separators, and what turns the reading direction.
            case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}"..."\u{202e}", "\u{2066}"..."\u{2069}":
                let digits = String(scalar.value, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: line.unicodeScalars.append(scalar)
            }
        }
    }
}
