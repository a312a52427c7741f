/// Addresses that begin with the same bits: `10.1.0.0/16`, or a single address.
package struct IPv4Range: Hashable, CustomStringConvertible {
    /// The first address, as a number in host byte order.
    package let first: UInt32
    /// 0 to 32.
    package let length: Int

    /// Nil unless `text` is four numbers with dots, and maybe a length. Bits beyond the length are ignored.
    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, let address = Self.address(halves[0]) else { return nil }
        length = halves.count == 2 ? Self.number(halves[1], upTo: 32) ?? -1 : 32
        guard length >= 0 else { return nil }
        first = address & Self.mask(length)
    }

    /// The last address, as a number in host byte order.
    package var last: UInt32 { first | ~Self.mask(length) }

    /// The number of addresses.
    package var count: Int { 1 << (32 - length) }

    /// Whether each address of `other` is in the range.
    package func contains(_ other: IPv4Range) -> Bool {
        length <= other.length && other.first & Self.mask(length) == first
    }

    /// Whether the ranges have an address in common.
    package func overlaps(_ other: IPv4Range) -> Bool { contains(other) || other.contains(self) }

    /// Whether it is within the private ranges of RFC 1918.
    package var isPrivate: Bool {
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].contains { IPv4Range($0)?.contains(self) == true }
    }

    /// `10.1.0.0/16`; a single address has no length.
    package var description: String {
        let bytes = [24, 16, 8, 0].map { String(first >> UInt32($0) & 0xff) }.joined(separator: ".")
        return length == 32 ? bytes : "\(bytes)/\(length)"
    }

    private static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << UInt32(32 - length) }

    private static func address(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = number(part, upTo: 255) else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func number(_ text: Substring, upTo limit: Int) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 3, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), number <= limit
        else { return nil }
        return number
    }
}
