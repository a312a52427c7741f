import NetworkRig

@testable import PodNetwork

/// An Ethernet frame, written out for a test.
struct Frame {
    var destination: LinkAddress
    var source: LinkAddress
    var type: UInt16
    var payload: [UInt8]

    var bytes: [UInt8] { destination.bytes + source.bytes + word(type) + payload }

    private func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
}

/// Frames that a pod sends, and frames that only an attacker sends.
///
/// Each ends with a tag, by which it is found again.
struct FrameMaker {
    let mac: LinkAddress
    let version4: NetAddress
    let version6: NetAddress
    let otherMAC: LinkAddress
    let other4: NetAddress
    let other6: NetAddress
    let destination: LinkAddress

    init(mac: LinkAddress, version4: NetAddress, version6: NetAddress) throws {
        (self.mac, self.version4, self.version6) = (mac, version4, version6)
        otherMAC = try ethernet("02:00:00:00:00:66")
        other4 = try address("10.244.1.77")
        other6 = try address("fd00:244::77")
        destination = try ethernet("ff:ff:ff:ff:ff:ff")
    }

    private func frame(_ type: UInt16, _ payload: [UInt8], from source: LinkAddress? = nil) -> Frame {
        Frame(destination: destination, source: source ?? mac, type: type, payload: payload)
    }

    func version4(from source: NetAddress, mac: LinkAddress? = nil, to target: NetAddress? = nil) -> Frame {
        frame(0x0800, Self.version4(from: source, to: target ?? other4, proto: 17, Self.ports(9)), from: mac)
    }

    func arp(senderMAC: LinkAddress? = nil, sender: NetAddress, mac: LinkAddress? = nil) -> Frame {
        frame(
            0x0806,
            [0, 1, 8, 0, 6, 4, 0, 2] + (senderMAC ?? self.mac).bytes + sender.bytes + destination.bytes + sender.bytes,
            from: mac)
    }

    func version6(from source: NetAddress, next: UInt8 = 17, _ payload: [UInt8]? = nil) -> Frame {
        frame(0x86DD, Self.version6(from: source, to: other6, next: next, payload ?? Self.ports(9)))
    }

    /// A message of ICMPv6; advertisements and solicitations have a target.
    func icmp(
        _ type: UInt8, target: NetAddress? = nil, from source: NetAddress? = nil,
        behind headers: [(UInt8, [UInt8])] = []
    ) -> Frame {
        var (next, payload): (UInt8, [UInt8]) = (58, [type, 0, 0, 0, 0, 0, 0, 0] + (target?.bytes ?? []))
        for (number, header) in headers.reversed() {
            payload = [next] + header + payload
            next = number
        }
        return version6(from: source ?? version6, next: next, payload)
    }

    func tagged(_ type: UInt16) -> Frame {
        let inner = version4(from: version4)
        return frame(type, [0, 5, 0x08, 0x00] + inner.payload)
    }

    func other(_ type: UInt16) -> Frame { frame(type, [UInt8](repeating: 0x42, count: 46)) }

    static func ports(_ destination: UInt16) -> [UInt8] {
        [0, 9, UInt8(destination >> 8), UInt8(destination & 0xFF), 0, 16, 0, 0] + [UInt8](repeating: 0, count: 8)
    }

    static func version4(
        from source: NetAddress, to target: NetAddress, proto: UInt8, fragment: UInt16 = 0, options: [UInt8] = [],
        _ payload: [UInt8]
    ) -> [UInt8] {
        let length = 20 + options.count + payload.count
        return [0x45 + UInt8(options.count / 4), 0, UInt8(length >> 8), UInt8(length & 0xFF), 0, 1]
            + [UInt8(fragment >> 8), UInt8(fragment & 0xFF), 64, proto, 0, 0] + source.bytes + target.bytes + options
            + payload
    }

    static func version6(from source: NetAddress, to target: NetAddress, next: UInt8, _ payload: [UInt8]) -> [UInt8] {
        [0x60, 0, 0, 0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), next, 255] + source.bytes + target.bytes
            + payload
    }

    /// What a pod may send, by name.
    func own() throws -> [(String, Frame)] {
        let local = mac.linkLocalAddress
        let fragment: [UInt8] = [0, 0, 1, 0, 0, 0, 1]
        return [
            ("IPv4", version4(from: version4)),
            ("gratuitous ARP", arp(sender: version4)),
            ("IPv6", version6(from: version6)),
            ("IPv6 from the link-local address", version6(from: local)),
            ("echo request", icmp(128)),
            ("neighbour solicitation", icmp(135, target: other6)),
            ("duplicate address detection", icmp(135, target: version6, from: try address("::"))),
            ("neighbour advertisement", icmp(136, target: version6)),
            (
                "neighbour advertisement behind options",
                icmp(136, target: version6, behind: [(0, [0, 1, 4, 0, 0, 0, 0])])
            ),
            ("multicast listener report", icmp(143, from: local, behind: [(0, [0, 5, 2, 0, 0, 1, 0])])),
            ("first piece of an echo request", icmp(128, behind: [(44, fragment)])),
            ("second piece", version6(from: version6, next: 44, [58, 0, 0, 9] + [UInt8](repeating: 136, count: 28))),
        ]
    }

    /// What it may not, by name.
    func forged() throws -> [(String, Frame)] {
        let options: [UInt8] = [0, 1, 4, 0, 0, 0, 0]
        let longer: [UInt8] = [1, 1, 12] + [UInt8](repeating: 0, count: 12)
        let unspecified = try address("::")
        return [
            ("IPv4 of another", version4(from: other4)),
            ("IPv4 without a source", version4(from: try address("0.0.0.0"))),
            ("Ethernet address of another", version4(from: version4, mac: otherMAC)),
            ("gratuitous ARP for another", arp(sender: other4)),
            ("ARP of another's Ethernet address", arp(senderMAC: otherMAC, sender: version4)),
            ("ARP from another's Ethernet address", arp(sender: version4, mac: otherMAC)),
            ("IPv6 of another", version6(from: other6)),
            ("IPv6 link-local of another", version6(from: try address("fe80::1"))),
            ("IPv6 without a source", version6(from: unspecified)),
            ("neighbour advertisement for another", icmp(136, target: other6)),
            ("the same behind options", icmp(136, target: other6, behind: [(0, options)])),
            ("the same behind several headers", icmp(136, target: other6, behind: [(60, longer), (43, options)])),
            (
                "the same in a first piece",
                icmp(136, target: other6, behind: [(44, [0, 0, 1, 0, 0, 0, 1]), (60, options)])
            ),
            ("behind more headers than any", icmp(128, behind: .init(repeating: (60, options), count: 5))),
            ("router advertisement", icmp(134)),
            ("router advertisement behind options", icmp(134, behind: [(60, options)])),
            ("redirect", icmp(137)),
            ("duplicate address detection for another", icmp(135, target: other6, from: unspecified)),
            ("VLAN", tagged(0x8100)), ("provider's VLAN", tagged(0x88A8)),
            ("LLDP", other(0x88CC)), ("spanning tree", other(46)), ("reverse ARP", other(0x8035)),
            ("half an IPv4 header", frame(0x0800, [0x45, 0, 0, 20])),
        ]
    }
}
