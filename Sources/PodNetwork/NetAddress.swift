internal import Encoding
internal import Glibc

/// An IPv4 or IPv6 address without a zone.
public struct NetAddress: Hashable, Sendable, CustomStringConvertible {
    /// The 4 or 16 bytes in network byte order.
    public let bytes: [UInt8]

    /// An address with these bytes; nil unless there are four or sixteen.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Parses a text like inet_pton(3); nil if the text is not an address.
    public init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        let isVersion6 = text.utf8.contains(UInt8(ascii: ":"))
        guard !text.utf8.contains(0), unsafe inet_pton(isVersion6 ? AF_INET6 : AF_INET, text, &buffer) == 1 else {
            return nil
        }
        bytes = Array(buffer.prefix(isVersion6 ? 16 : 4))
    }

    /// The address as text, such as `10.0.0.1` or `fd00::1`.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = unsafe inet_ntop(family, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Every host on the link: 255.255.255.255.
    static let broadcast = NetAddress(bytes4: 0xFF)

    private init(bytes4 byte: UInt8) { bytes = [UInt8](repeating: byte, count: 4) }

    /// Whether it has sixteen bytes.
    public var isVersion6: Bool { bytes.count == 16 }

    /// Whether this is the unspecified address: 0.0.0.0 or ::.
    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    /// Whether it addresses several hosts: 224.0.0.0/4, the limited broadcast, ff00::/8.
    var isMulticast: Bool {
        isVersion6 ? bytes[0] == 0xFF : bytes[0] & 0xF0 == 0xE0 || bytes.allSatisfy { $0 == 0xFF }
    }

    /// Whether it addresses this host: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        isVersion6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes[0] == 127
    }

    /// Whether it is valid on one link only: 169.254.0.0/16 or fe80::/10.
    public var isLinkLocal: Bool {
        isVersion6 ? bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 : bytes[0] == 169 && bytes[1] == 254
    }

    /// AF_INET or AF_INET6.
    var family: CInt { isVersion6 ? AF_INET6 : AF_INET }

    var bitCount: Int { bytes.count * 8 }
}

/// An address with the length of its network's prefix, such as `10.244.0.19/24`. It keeps the host bits.
public struct NetPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The address before the slash.
    public let address: NetAddress
    /// The prefix length: 0 to 32, or to 128.
    public let length: Int

    /// A prefix; nil unless the length fits the address.
    public init?(_ address: NetAddress, length: Int) {
        guard (0...address.bitCount).contains(length) else { return nil }
        self.address = address
        self.length = length
    }

    /// Parses a text such as `10.244.0.19/24`; nil if it is not an address with a prefix length.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = NetAddress(String(parts[0])), let length = Int(parts[1]),
            parts[1] == "\(length)"
        else { return nil }
        self.init(address, length: length)
    }

    /// Every IPv4 address.
    public static let allVersion4 = NetPrefix(zeros: 4)
    /// Every IPv6 address.
    public static let allVersion6 = NetPrefix(zeros: 16)

    /// The prefix of only this address.
    public init(only address: NetAddress) {
        self.address = address
        length = address.bitCount
    }

    private init(zeros count: Int) {
        address = NetAddress(zeros: count)
        length = 0
    }

    /// The prefix as text, such as `10.0.0.0/24`.
    public var description: String { "\(address)/\(length)" }

    /// Whether it covers every address of its family.
    public var isEverything: Bool { length == 0 }

    /// The same network with host bits zero.
    public var network: NetPrefix {
        var bytes = address.bytes
        for index in bytes.indices {
            let kept = max(0, min(8, length - index * 8))
            bytes[index] &= kept == 0 ? 0 : UInt8(truncatingIfNeeded: 0xFF << (8 - kept))
        }
        return NetAddress(bytes: bytes).flatMap { NetPrefix($0, length: length) } ?? self
    }

    /// Whether `address` is in the network.
    public func contains(_ address: NetAddress) -> Bool {
        guard address.isVersion6 == self.address.isVersion6 else { return false }
        return NetPrefix(address, length: length)?.network == network
    }

    /// Whether all of `other` is in this network.
    func contains(_ other: NetPrefix) -> Bool { length <= other.length && contains(other.address) }

    /// Whether both have an address in common.
    func overlaps(_ other: NetPrefix) -> Bool { contains(other) || other.contains(self) }
}

extension NetAddress {
    /// All zeros; `count` is 4 or 16.
    fileprivate init(zeros count: Int) { bytes = [UInt8](repeating: 0, count: count) }
}

/// The six bytes of an Ethernet address.
public struct LinkAddress: Hashable, Sendable, CustomStringConvertible {
    /// The six bytes.
    public let bytes: [UInt8]

    /// An address with these bytes; nil unless there are six.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    /// Parses six pairs of hexadecimal digits with colons in between; nil if the text is something else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.count == 2 ? Hexadecimal.decode(part)?.first : nil
        }
        guard parts.count == 6 else { return nil }
        self.init(bytes: bytes)
    }

    /// The address as text, such as `02:00:00:00:00:01`.
    public var description: String {
        bytes.map { Hexadecimal.encode([$0]) }.joined(separator: ":")
    }

    /// The link-local IPv6 address for this Ethernet address (RFC 4291, appendix A).
    var linkLocalAddress: NetAddress {
        let identifier = [bytes[0] ^ 0x02, bytes[1], bytes[2], 0xFF, 0xFE, bytes[3], bytes[4], bytes[5]]
        guard let address = NetAddress(bytes: [0xFE, 0x80, 0, 0, 0, 0, 0, 0] + identifier) else {
            preconditionFailure("it has sixteen bytes")
        }
        return address
    }

    /// Whether an interface can have this address: it is neither a group address nor all zeros.
    var isUnicast: Bool { bytes[0] & 1 == 0 && bytes.contains { $0 != 0 } }
}
