package import JSON

extension JSONValue {
    /// The first document of a YAML text, as the value that its reader in Kubernetes sees.
    ///
    /// Plain scalars are null, truth values, numbers or text by YAML's core schema. Aliases, anchors and tags are
    /// refused, as are keys that are not scalars or occur twice.
    package init(yaml text: [UInt8], limits: TextLimits = TextLimits()) throws(TextFormatError) {
        try limits.check(text)
        var parser = YAMLParser(text, limits)
        self = try parser.document()
    }
}

/// Parses a document by recursive descent through its events.
private struct YAMLParser: ~Copyable {
    private var reader: YAMLReader
    private let limits: TextLimits
    private var count = 0

    init(_ text: [UInt8], _ limits: TextLimits) {
        reader = YAMLReader(text)
        self.limits = limits
    }

    mutating func document() throws(TextFormatError) -> JSONValue {
        _ = try reader.next()
        guard try reader.next() == .documentStart else { return .null }
        return try value(try reader.next(), depth: 0)
    }

    private func failure(_ reason: String) -> TextFormatError { TextFormatError(line: reader.line, reason: reason) }

    private mutating func value(_ event: YAMLReader.Event, depth: Int) throws(TextFormatError) -> JSONValue {
        count += 1
        guard count <= limits.values else { throw failure("there are more than \(limits.values) values") }
        guard depth <= limits.depth else { throw failure("nested deeper than \(limits.depth) levels") }
        switch event {
        case .scalar(let text, let isPlain): return isPlain ? Self.plain(text) : .string(text)
        case .sequenceStart:
            var elements: [JSONValue] = []
            while case let next = try reader.next(), next != .sequenceEnd {
                elements.append(try value(next, depth: depth + 1))
            }
            return .array(elements)
        case .mappingStart:
            var entries: [(String, JSONValue)] = []
            var keys: Set<String> = []
            while case let next = try reader.next(), next != .mappingEnd {
                guard case .scalar(let key, _) = next else { throw failure("a key is not a scalar") }
                guard keys.insert(key).inserted else { throw failure("a key occurs twice") }
                entries.append((key, try value(try reader.next(), depth: depth + 1)))
            }
            return .object(JSONObject(entries))
        default: throw failure("a value is expected")
        }
    }

    private static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        if let number = Int64(text) { return .integer(number) }
        // Double also reads "nan" and "0x1p3", which are text in YAML.
        let isNumeric = text.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        if isNumeric, let number = Double(text), number.isFinite { return .number(number) }
        return .string(text)
    }
}
