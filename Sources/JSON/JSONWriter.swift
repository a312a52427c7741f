extension JSONValue {
    /// The document as UTF-8 text. Object keys keep their order.
    ///
    /// Without `indent` the text is one line without spaces. Otherwise each element is on its own line, indented by
    /// `indent` spaces for each level, as Go's `MarshalIndent` writes it. The text does not end with a newline.
    ///
    /// A number that JSON cannot represent (infinite, not a number) becomes `null`.
    public func encoded(indent: Int? = nil) -> [UInt8] {
        var writer = JSONWriter(indent: indent)
        writer.write(self)
        return writer.bytes
    }
}

private struct JSONWriter {
    var bytes: [UInt8] = []
    let indent: Int?
    private var depth = 0

    init(indent: Int?) { self.indent = indent }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let flag): append(flag ? "true" : "false")
        case .integer(let number): append(String(number))
        case .number(let number): append(number.isFinite ? String(number) : "null")
        case .string(let text): write(text)
        case .array(let elements):
            list(elements, "[", "]") { writer, element in writer.write(element) }
        case .object(let object):
            list(object.entries, "{", "}") { writer, entry in
                writer.write(entry.key)
                writer.append(writer.indent == nil ? ":" : ": ")
                writer.write(entry.value)
            }
        }
    }

    private mutating func list<Element>(
        _ elements: [Element], _ open: String, _ close: String, _ each: (inout JSONWriter, Element) -> Void
    ) {
        append(open)
        depth += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { append(",") }
            breakLine()
            each(&self, element)
        }
        depth -= 1
        if !elements.isEmpty { breakLine() }
        append(close)
    }

    private mutating func breakLine() {
        guard let indent else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * depth))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func write(_ text: String) {
        append("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\r"): append("\\r")
            case UInt8(ascii: "\t"): append("\\t")
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            default: bytes.append(byte)
            }
        }
        append("\"")
    }
}
