internal import Encoding

/// The checksum of a record: the last member of the file, `"checksum": "0123456789abcdef"`.
///
/// It is the 64-bit FNV-1a hash of the file's bytes without the 16 digits. Each step of FNV-1a is a bijection of the
/// hash, so every change of one byte is found. The checksum finds damage, not malice.
enum RecordChecksum {
    static let member = "checksum"
    private static let digits = 16
    /// The bytes after the digits.
    private static let end = Array("\"\n}\n".utf8)

    /// Completes an encoded record, whose last member is the checksum with an empty text.
    static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.suffix(end.count).elementsEqual(end), "the checksum is the last member")
        return bytes.dropLast(end.count) + digits(of: bytes) + end
    }

    /// Whether the bytes end as a record does.
    static func hasEnd(_ bytes: [UInt8]) -> Bool { bytes.suffix(end.count).elementsEqual(end) }

    /// Whether the bytes are those that ``sealed(_:)`` returned.
    static func isValid(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= digits + end.count, hasEnd(bytes) else { return false }
        let body = bytes.dropLast(digits + end.count)
        return bytes.dropFirst(body.count).prefix(digits).elementsEqual(digits(of: body + end))
    }

    private static func digits(of bytes: some Sequence<UInt8>) -> [UInt8] {
        let text = String(FNV1a.hash(bytes), radix: 16)
        return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
    }
}
