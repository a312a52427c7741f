internal import CJansson

extension JSONValue {
    /// Parses one JSON document (RFC 8259, UTF-8). The top value may be of any kind.
    ///
    /// Throws ``JSONError`` with line and column. A document that exceeds `limits`, a number that does not fit, and
    /// text after the document are errors too.
    public init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        guard bytes.count <= limits.size else {
            throw JSONError(path: "", "\(bytes.count) bytes, more than the \(limits.size) allowed")
        }
        try limits.checkDepth(of: bytes)
        self = try JanssonDocument(parsing: bytes, allowsDuplicateKeys: limits.allowsDuplicateKeys).value
    }

    /// Parses the text as ``init(parsing:limits:)-([UInt8],_)`` does.
    public init(parsing text: String, limits: JSONLimits = .standard) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A document in the form of libjansson. It is freed with its owner.
///
/// Safe, because the pointer never leaves this file, which is the only file that uses `json_`. The input is bytes and
/// the output is a ``JSONValue``. The values in between exist as long as the document.
@safe private struct JanssonDocument: ~Copyable {
    private let root: UnsafeMutablePointer<json_t>

    init(parsing bytes: [UInt8], allowsDuplicateKeys: Bool) throws(JSONError) {
        let flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | (allowsDuplicateKeys ? 0 : JSON_REJECT_DUPLICATES)
        var error = json_error_t()
        let parsed = unsafe bytes.withUnsafeBytes { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                // An empty array has no base address, but libjansson needs an address.
                unsafe json_loadb($0.baseAddress ?? UnsafePointer(bitPattern: 1), $0.count, Int(flags), &error)
            }
        }
        guard let root = unsafe parsed else {
            throw JSONError(
                line: max(1, Int(error.line)), column: max(1, Int(error.column)), Self.message(of: error))
        }
        unsafe self.root = root
    }

    deinit { unsafe json_decref(root) }

    var value: JSONValue { unsafe Self.value(of: root) }

    /// The clause that libjansson reports, without the piece of the input that it quotes. That piece may be a key.
    private static func message(of error: json_error_t) -> String {
        let text = unsafe withUnsafeBytes(of: error.text) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        let end = text.indices.first { text[$0...].hasPrefix(" near ") }
        return end.map { String(text[..<$0]) } ?? text
    }

    /// The recursion is not deeper than the limits of the document.
    private static func value(of json: UnsafeMutablePointer<json_t>) -> JSONValue {
        switch unsafe json.pointee.type {
        case JSON_OBJECT:
            var object = JSONObject()
            var entry = unsafe json_object_iter(json)
            while let current = unsafe entry {
                if let key = unsafe json_object_iter_key(current), let member = unsafe json_object_iter_value(current) {
                    let name = unsafe text(key, json_object_iter_key_len(current))
                    object[name] = unsafe value(of: member)
                }
                unsafe entry = json_object_iter_next(json, current)
            }
            return .object(object)
        case JSON_ARRAY:
            let count = unsafe json_array_size(json)
            return .array((0..<count).map { unsafe json_array_get(json, $0).map { unsafe value(of: $0) } ?? .null })
        case JSON_STRING:
            return unsafe .string(json_string_value(json).map { unsafe text($0, json_string_length(json)) } ?? "")
        case JSON_INTEGER: return unsafe .integer(Int64(json_integer_value(json)))
        case JSON_REAL: return unsafe .number(json_real_value(json))
        case JSON_TRUE: return .bool(true)
        case JSON_FALSE: return .bool(false)
        default: return .null
        }
    }

    private static func text(_ start: UnsafePointer<CChar>, _ count: Int) -> String {
        unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
