/// Base64 as far as a fake Azure needs it: how much a text holds, and tokens in the URL alphabet.
enum Base64Text {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// How many bytes `text` holds; nil if it is not padded base64 (RFC 4648 §4).
    static func decodedCount(_ text: some StringProtocol) -> Int? {
        let bytes = text.utf8
        guard bytes.count % 4 == 0 else { return nil }
        var padding = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                if padding > 0 { return nil }
            case UInt8(ascii: "="): padding += 1
            default: return nil
            }
        }
        return padding <= 2 ? bytes.count / 4 * 3 - padding : nil
    }

    /// `bytes` in the URL's alphabet, without padding, as tokens have it.
    static func urlEncoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
            for position in 0...count { text.append(alphabet[Int(group >> (18 - 6 * UInt32(position)) & 63)]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
