/// How a log line is encoded.
///
/// A message or a field can hold any text, such as a pod's name or an answer of another service. A line always stays
/// one line, a terminal receives no commands from it, and JSON stays valid.
enum LineStyle: Sendable, Equatable {
    case human(colored: Bool)
    case json
    case upstream

    /// The longest text of a message or a field, in bytes. A line must not fill a disk.
    static let textLimit = 8 << 10

    func line(at time: WallTime, _ level: LogLevel, _ message: String, _ fields: [LogField]) -> [UInt8] {
        var text = ""
        text.reserveCapacity(128 + message.utf8.count + fields.count * 32)
        switch self {
        case .human(let colored): Self.human(&text, time, level, message, fields, colored: colored)
        case .json: Self.json(&text, time, level, message, fields)
        case .upstream:
            text += time.slashed
            // The Go adaptor has no levels.
            text += level >= .warning ? " [adaptor/cloud] \(level): " : " [adaptor/cloud] "
            text.append(printable: Self.cut(message))
            Self.append(fields, to: &text)
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
        line.append(printable: cut(message))
        append(fields, to: &line)
    }

    /// Adds `key=value` for each field; values with a space or a quotation mark are quoted.
    private static func append(_ fields: [LogField], to line: inout String) {
        for field in fields {
            line += "  "
            line.append(printable: field.key)
            line += "="
            switch field.value {
            case .integer(let number): line += String(number)
            case .bool(let truth): line += truth ? "true" : "false"
            case .text(let text):
                let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") }
                if !isPlain { line += "\"" }
                line.append(printable: cut(text), quoting: !isPlain)
                if !isPlain { line += "\"" }
            }
        }
    }

    private static func json(
        _ line: inout String, _ time: WallTime, _ level: LogLevel, _ message: String, _ fields: [LogField]
    ) {
        line += "{\"time\":\"\(time)\",\"level\":\"\(level)\",\"message\":\""
        line.append(printable: cut(message), quoting: true)
        line += "\""
        for field in fields {
            let isReserved = ["time", "level", "message"].contains(field.key)
            line += ",\""
            line.append(printable: field.key, quoting: true)
            line += isReserved ? "_\":" : "\":"
            switch field.value {
            case .integer(let number): line += String(number)
            case .bool(let truth): line += truth ? "true" : "false"
            case .text(let text):
                line += "\""
                line.append(printable: cut(text), quoting: true)
                line += "\""
            }
        }
        line += "}"
    }

    /// `text` up to the limit, with a note about the removed part.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        let head = String(decoding: text.utf8.prefix(textLimit), as: UTF8.self)
        return head + "… (\(text.utf8.count) bytes in all)"
    }
}
