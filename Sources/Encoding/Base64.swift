/// Base64 (RFC 4648).
public enum Base64 {
    private static let common = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let alphabet = Array((common + "+/").utf8)
    private static let urlAlphabet = Array((common + "-_").utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// How many characters `count` bytes become.
    public static func length(of count: Int) -> Int { (count + 2) / 3 * 4 }

    /// `bytes` in the standard alphabet, padded (RFC 4648 §4).
    public static func encode(_ bytes: [UInt8]) -> String { encode(bytes, alphabet, isPadded: true) }

    /// `bytes` in the alphabet for URLs, without padding (RFC 4648 §5), as in JSON Web Tokens.
    public static func encodeForURL(_ bytes: [UInt8]) -> String { encode(bytes, urlAlphabet, isPadded: false) }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], isPadded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(length(of: bytes.count))
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let end = min(start + 3, bytes.count)
            var group: UInt32 = 0
            for index in start..<start + 3 { group = group << 8 | (index < end ? UInt32(bytes[index]) : 0) }
            for position in 0..<4 {
                if position <= end - start {
                    text.append(alphabet[Int(group >> (18 - 6 * UInt32(position)) & 63)])
                } else if isPadded {
                    text.append(UInt8(ascii: "="))
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that padded base64 in the standard alphabet stands for; nil if `text` is not valid.
    ///
    /// `skipsLineBreaks` ignores CR and LF anywhere, as Go's decoder does.
    public static func decode(_ text: some Collection<UInt8>, skipsLineBreaks: Bool = false) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var count = 0
        var padding = 0
        for character in text {
            if skipsLineBreaks, character == UInt8(ascii: "\n") || character == UInt8(ascii: "\r") { continue }
            // Only the last group is padded, and never by more than two.
            if character == UInt8(ascii: "=") {
                guard count >= 2, padding < 2 else { return nil }
                (group, padding) = (group << 6, padding + 1)
            } else {
                let value = values[Int(character)]
                guard value < 64, padding == 0 else { return nil }
                group = group << 6 | UInt32(value)
            }
            count += 1
            guard count == 4 else { continue }
            for shift in [16, 8, 0].prefix(3 - padding) {
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(shift)))
            }
            group = 0
            count = 0
            if padding > 0 { padding = 3 }
        }
        return count == 0 ? bytes : nil
    }
}
