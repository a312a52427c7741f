/// Universally unique identifiers of version 4 (RFC 9562).
public enum UUID4 {
    /// A random identifier as text, such as `5b6f9a0e-3c1d-4a57-9f0e-2a4c8d1b7e60`.
    public static func random() -> String {
        let digits = Hexadecimal.encode(marked((0..<16).map { _ in UInt8.random(in: .min ... .max) }))
        var rest = digits[...]
        let parts = [8, 4, 4, 4, 12].map { length in
            defer { rest = rest.dropFirst(length) }
            return rest.prefix(length)
        }
        return parts.joined(separator: "-")
    }

    /// 16 bytes, with the version and the variant in their bits.
    public static func marked(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count == 16, "an identifier has 16 bytes")
        var bytes = bytes
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return bytes
    }
}
