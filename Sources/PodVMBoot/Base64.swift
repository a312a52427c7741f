/// Base64 with the standard alphabet and padding (RFC 4648 §4), which is what clouds and annotations carry.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// How many characters `count` bytes become.
    static func length(of count: Int) -> Int { (count + 2) / 3 * 4 }

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(length(of: bytes.count))
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let end = min(start + 3, bytes.count)
            var group: UInt32 = 0
            for index in start..<start + 3 { group = group << 8 | (index < end ? UInt32(bytes[index]) : 0) }
            for position in 0..<4 {
                let hasBits = position <= end - start
                text.append(hasBits ? alphabet[Int(group >> (18 - 6 * UInt32(position)) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or nil if it is no base64. Line breaks are skipped, as Go skips them; nothing else is forgiven.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        var count = 0
        var padding = 0
        for character in text where character != UInt8(ascii: "\n") && character != UInt8(ascii: "\r") {
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
