internal import CNetlink
internal import Glibc

/// Hosts that a pod may reach only at some ports.
public struct Restriction: Hashable, Sendable, CustomStringConvertible {
    /// The hosts.
    public let prefix: NetPrefix
    /// The UDP and TCP ports that the pod may reach, sorted.
    public let openPorts: [UInt16]

    /// A restriction.
    public init(_ prefix: NetPrefix, openPorts: Set<UInt16>) {
        self.prefix = prefix
        self.openPorts = openPorts.sorted()
    }

    /// The restriction in log lines.
    public var description: String {
        openPorts.isEmpty
            ? "\(prefix)" : "\(prefix) (open: port \(openPorts.map { "\($0)" }.joined(separator: ", ")))"
    }
}

extension FrameProgram {
    /// The kernel's traffic control actions for a frame (linux/pkt_cls.h).
    enum TrafficAction {
        static let drop = UInt32(TC_ACT_SHOT)
        static let pass = UInt32(TC_ACT_OK)
    }

    /// Drops every frame.
    static let droppingAll = FrameProgram(returning: TrafficAction.drop)

    /// Drops the frames with IP packets to these hosts, and passes all others; nil if nothing is restricted.
    ///
    /// Only the first fragment of a packet has a port, so all fragments to a restricted host are dropped.
    static func dropping(_ restrictions: [Restriction]) -> FrameProgram? {
        if restrictions.isEmpty { return nil }
        var code = FrameProgramBuilder()
        let (isVersion6, pass, drop) = (code.label(), code.label(), code.label())
        let inOrder = restrictions.sorted { $0.description < $1.description }
        code.load(.half, at: Offset.etherType)
        code.jump(to: isVersion6, ifEqual: UInt32(ETH_P_IPV6))
        code.jump(to: pass, unlessEqual: UInt32(ETH_P_IP))
        for restriction in inOrder where !restriction.prefix.address.isVersion6 {
            code.write(restriction, destination: Offset.network + 16, pass, drop) { code in
                code.load(.half, at: Offset.network + 6)
                code.and(0x3FFF)  // more fragments, and the offset
                code.jump(to: drop, unlessEqual: 0)
                code.load(.byte, at: Offset.network + 9)
                code.setIndex(toLengthOfIPv4HeaderAt: Offset.network)
            }
        }
        code.jump(to: pass)
        code.place(isVersion6)
        for restriction in inOrder where restriction.prefix.address.isVersion6 {
            code.write(restriction, destination: Offset.network + 24, pass, drop) { code in
                code.load(.byte, at: Offset.network + 6)
                code.setIndex(40)
            }
        }
        code.place(pass)
        code.finish(TrafficAction.pass)
        code.place(drop)
        code.finish(TrafficAction.drop)
        return code.build()
    }
}

extension FrameProgramBuilder {
    /// `loadProtocol` loads the protocol number of the IP packet, and sets the index to the length of the headers.
    fileprivate mutating func write(
        _ restriction: Restriction, destination: Int, _ pass: Label, _ drop: Label,
        _ loadProtocol: (inout FrameProgramBuilder) -> Void
    ) {
        let (next, hasPorts) = (label(), label())
        let prefix = restriction.prefix.network
        for (number, value) in FrameProgram.words(prefix.address.bytes).enumerated() where number * 32 < prefix.length {
            load(.word, at: destination + number * 4)
            and(UInt32.max << UInt32(32 - min(32, prefix.length - number * 32)))
            jump(to: next, unlessEqual: value)
        }
        if restriction.openPorts.isEmpty {
            jump(to: drop)
        } else {
            loadProtocol(&self)
            for number in [IPPROTO_UDP, IPPROTO_TCP] { jump(to: hasPorts, ifEqual: UInt32(number)) }
            jump(to: drop)
            place(hasPorts)
            loadIndexed(.half, at: FrameProgram.Offset.network + 2)
            for port in restriction.openPorts { jump(to: pass, ifEqual: UInt32(port)) }
            jump(to: drop)
        }
        place(next)
    }
}
