/// An IPv4 or IPv6 address without zone, kept as it was written.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address as text, such as `10.0.0.4`.
    public let description: String
    /// Four bytes, or sixteen.
    public let bytes: [UInt8]

    /// Parses as Go's `netip.ParseAddr` does: no leading zeros; nil if it is no address.
    public init?(_ text: String) {
        guard let bytes = Self.version4(text[...]) ?? Self.version6(text) else { return nil }
        self.bytes = bytes
        description = text
    }

    private static func version4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part -> UInt8? in
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(\.isDigit) else { return nil }
            return part.utf8.count > 1 && part.utf8.first == UInt8(ascii: "0") ? nil : UInt8(part)
        }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: String) -> [UInt8]? {
        guard text.utf8.contains(UInt8(ascii: ":")), text.utf8.count <= 45 else { return nil }
        // Around "::", if it is there, stand the first and the last groups.
        let doubles = text.utf8.indices.filter { text.utf8[$0...].starts(with: "::".utf8) }
        guard doubles.count <= 1 else { return nil }
        guard let gap = doubles.first else {
            let bytes = groups(text[...], mayEndInVersion4: true)
            return bytes?.count == 16 ? bytes : nil
        }
        guard let head = groups(text[..<gap], mayEndInVersion4: false),
            let tail = groups(text[text.utf8.index(gap, offsetBy: 2)...], mayEndInVersion4: true),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring, mayEndInVersion4: Bool) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndInVersion4, index == parts.count - 1, let end = version4(part) {
                bytes += end
            } else if (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexDigit),
                let group = UInt16(part, radix: 16)
            {
                bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
            } else {
                return nil
            }
        }
        return bytes
    }
}

/// An address and the length of its network's prefix, host bits kept, as it was written.
public struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The address before the slash.
    public let address: IPAddress
    /// How many bits name the network: 0 to 32, or to 128.
    public let length: Int

    /// Parses `10.244.0.19/24`; nil if it is no such thing.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), (1...3).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy(\.isDigit), parts[1] == "0" || !parts[1].hasPrefix("0"),
            let length = Int(parts[1]), length <= address.bytes.count * 8
        else { return nil }
        self.address = address
        self.length = length
    }

    public var description: String { "\(address)/\(length)" }
}

/// The six bytes of an Ethernet address, as they were written.
public struct HardwareAddress: Hashable, Sendable, CustomStringConvertible {
    /// Such as `0a:58:0a:f4:00:13`.
    public let description: String

    /// Parses six pairs of hexadecimal digits with colons between; nil if it is no such thing.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(\.isHexDigit) }) else {
            return nil
        }
        description = text
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isHexDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
