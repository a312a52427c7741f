internal import Encoding
package import LinuxIO

/// A bridge of this host with other hosts on it, each of which is a network namespace.
///
///     namespace eth0 ─── port ──┐
///     namespace eth0 ─── port ──┴── bridge, with the gateway's address
///
/// Every call can be made again: what is there already stays. Each blocks for a millisecond or so while the kernel works.
package struct LocalNetwork: Sendable {
    /// The bridge's name.
    package let bridge: String
    /// The bridge's own addresses, by which the hosts on it reach everything else.
    package let gateways: [NetPrefix]
    /// The largest packet, in bytes.
    package let mtu: Int
    private let host: NetworkNamespace
    private let gate: NetlinkGate

    private static let advice = "Remove it, or choose another name."

    /// A network of `host` that may not be there yet; `further` gateways are those of other families.
    package init(
        bridge: String, gateway: NetPrefix, further: [NetPrefix] = [], mtu: Int = 1500, in host: NetworkNamespace,
        gate: NetlinkGate = .open
    ) {
        self.bridge = bridge
        gateways = [gateway] + further
        self.mtu = mtu
        self.host = host
        self.gate = gate
    }

    /// Makes the bridge; if it fails, one that was not there before is gone again.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if something else has the name).
    package func make() throws(PodNetworkError) {
        try PlanCheck.interface(bridge)
        let socket = try hostSocket()
        var undo = Undo()
        do throws(PodNetworkError) {
            if try link(socket) == nil {
                undo.note(bridge) { () throws(PodNetworkError) in
                    if let made = try socket.link(named: bridge) { try socket.delete(made) }
                }
                try socket.createBridge(bridge)
            }
            let made = try socket.made(bridge)
            // A bridge without an address of its own takes the lowest of its ports': the gateway would be another one with
            // each host that comes or goes, and the others would not know for a while.
            if let own = Self.hardwareAddress(of: bridge), made.hardwareAddress != own {
                try socket.setAddress(own, of: made)
            }
            if made.mtu != mtu { try socket.setMTU(mtu, of: made) }
            let there = try socket.addresses(of: made)
            for gateway in gateways where !there.contains(gateway) {
                try socket.add(gateway, to: made, hasNetworkRoute: true)
            }
            if !made.isUp { try socket.bringUp(made) }
        } catch {
            throw undo.all(after: error)
        }
    }

    /// Removes the bridge; its not being there is fine. What is plugged in stays, without anything to talk to.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if something else has the name).
    package func remove() throws(PodNetworkError) {
        let socket = try hostSocket()
        if let made = try link(socket) { try socket.delete(made) }
    }

    /// The host's ends of what is plugged in, in no order; none if there is no bridge.
    package func ports() throws(PodNetworkError) -> [String] {
        let socket = try hostSocket()
        guard let made = try link(socket) else { return [] }
        return try socket.links().filter { $0.master == made.index }.map(\.name)
    }

    /// Connects `namespace`: an interface there with these addresses, its loopback, and the default routes of their families.
    ///
    /// The interface has `hardwareAddress` from before anybody can ask for it; nil: one of the kernel's choice.
    /// What is in the way by the name of `port` goes if it is an end of another cable. If it fails, nothing of it is left.
    /// - Returns: the interface's Ethernet address.
    /// - Throws: ``PodNetworkError`` (`noPrimaryInterface` without the bridge).
    @discardableResult
    package func plug(
        _ namespace: NetworkNamespace, port: String, interface: String = "eth0", hardwareAddress: LinkAddress? = nil,
        addresses: [NetPrefix]
    ) throws(PodNetworkError) -> LinkAddress {
        try PlanCheck.interface(port)
        try PlanCheck.interface(interface)
        let (outside, inside) = (
            try hostSocket(), try NetlinkSocket.open(in: namespace, "\(namespace)", gate: gate)
        )
        guard let bridgeLink = try link(outside) else {
            throw PodNetworkError(
                .noPrimaryInterface, "The bridge \(bridge)", "it is not there", "Make it before anything is plugged in."
            )
        }
        var undo = Undo()
        do throws(PodNetworkError) {
            let (end, own) = try cable(port, interface, outside, inside, namespace, &undo)
            if end.mtu != mtu { try outside.setMTU(mtu, of: end) }
            if end.master != bridgeLink.index { try outside.setMaster(bridgeLink, of: end) }
            if !end.isUp { try outside.bringUp(end) }
            if own.mtu != mtu { try inside.setMTU(mtu, of: own) }
            if let hardwareAddress, own.hardwareAddress != hardwareAddress {
                try inside.setAddress(hardwareAddress, of: own)
            }
            let there = try inside.addresses(of: own)
            for prefix in addresses where !there.contains(prefix) {
                try inside.add(prefix, to: own, hasNetworkRoute: true)
            }
            if let loopback = try inside.link(named: "lo"), !loopback.isUp { try inside.bringUp(loopback) }
            if !own.isUp { try inside.bringUp(own) }
            let routes = try inside.routes().filter { $0.interface == own.index }.map(\.route)
            for gateway in gateways.map(\.address)
            where addresses.contains(where: { $0.address.isVersion6 == gateway.isVersion6 }) {
                let route = PodRoute(to: gateway.isVersion6 ? .allVersion6 : .allVersion4, through: gateway)
                if !routes.contains(route.normalized) { try inside.add(route, over: own) }
            }
            guard let hardwareAddress = hardwareAddress ?? own.hardwareAddress else {
                throw PodNetworkError(
                    .refused, "The interface \(interface)", "it has no Ethernet address", "Try again.")
            }
            return hardwareAddress
        } catch {
            throw undo.all(after: error)
        }
    }

    /// Disconnects what is plugged in at `port`, both ends of the cable; its not being there is fine.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if it is no end of a cable).
    package func unplug(port: String) throws(PodNetworkError) {
        let socket = try hostSocket()
        guard let end = try socket.link(named: port) else { return }
        try refuse(end, unless: "veth")
        try socket.delete(end)
    }

    private func cable(
        _ port: String, _ interface: String, _ outside: NetlinkSocket, _ inside: NetlinkSocket,
        _ namespace: NetworkNamespace, _ undo: inout Undo
    ) throws(PodNetworkError) -> (Link, Link) {
        if let end = try outside.link(named: port) {
            try refuse(end, unless: "veth")
            if let own = try inside.link(named: interface), own.kind == "veth", own.peer == end.index,
                end.peer == own.index
            {
                return (end, own)
            }
            try outside.delete(end)
        }
        undo.note(port) { () throws(PodNetworkError) in
            if let made = try outside.link(named: port) { try outside.delete(made) }
        }
        try outside.createCable(port, interface, in: namespace)
        return (try outside.made(port), try inside.made(interface))
    }

    private func hostSocket() throws(PodNetworkError) -> NetlinkSocket {
        try NetlinkSocket.open(in: host, "this host's namespace", gate: gate)
    }

    private func link(_ socket: NetlinkSocket) throws(PodNetworkError) -> Link? {
        guard let link = try socket.link(named: bridge) else { return nil }
        try refuse(link, unless: "bridge")
        return link
    }

    private func refuse(_ link: Link, unless kind: String) throws(PodNetworkError) {
        if link.kind == kind { return }
        throw PodNetworkError(
            .taken, "The interface \(link.name) of this host",
            "it is there already, and no \(kind) but \(link.kind.isEmpty ? "of another kind" : link.kind)", Self.advice)
    }

    /// One that nobody else has, and that is the same each time.
    private static func hardwareAddress(of name: String) -> LinkAddress? {
        let hash = FNV1a.hash(name.utf8)
        // The second bit of the first byte says that it is of local make.
        return LinkAddress(bytes: [0x02] + (0..<5).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) })
    }
}

extension LocalNetwork {
    /// A network of `length` bits out of `pool` that no address and no route of `host` is in, but for default routes.
    ///
    /// The same seed gets the same one as long as it is free, else the next. Whoever could ask at the same time has to
    /// take turns: it is free until somebody makes it.
    /// - Throws: ``PodNetworkError`` (`exhausted`).
    package static func freeNetwork(
        in pool: NetPrefix, length: Int, seed: String, host: NetworkNamespace
    ) throws(PodNetworkError) -> NetPrefix {
        let socket = try NetlinkSocket.open(in: host, "this host's namespace")
        var taken = try socket.routes().map(\.route.destination).filter { !$0.isEverything }
        for link in try socket.links() { taken += try socket.addresses(of: link) }
        // No more than that are tried: who has so many networks has to choose by hand.
        let bits = min(length - pool.length, 16)
        if bits >= 0, NetPrefix(pool.address, length: length) != nil {
            let count = UInt64(1) << UInt64(bits)
            let start = FNV1a.hash(seed.utf8) % count
            for step in 0..<count {
                let found = pool.part((start + step) % count, length: length)
                if !taken.contains(where: { $0.overlaps(found) }) { return found }
            }
        }
        throw PodNetworkError(
            .exhausted, "The networks of \(length) bits in \(pool)",
            "none is left that this host has no address or route of",
            "Look at them ('ip route', 'ip addr'), and remove what is no longer used.")
    }
}

extension NetPrefix {
    /// The address number `number` in this network, with the length of its prefix.
    package func host(_ number: UInt64) -> NetPrefix {
        NetPrefix(part(number, length: address.bitCount).address, length: length) ?? self
    }

    /// The network number `number` of those with `length` bits that this one consists of.
    fileprivate func part(_ number: UInt64, length: Int) -> NetPrefix {
        var bytes = network.address.bytes
        var rest = number
        for bit in stride(from: length - 1, through: max(self.length, length - 64), by: -1) {
            if rest & 1 == 1 { bytes[bit / 8] |= 0x80 >> UInt8(bit % 8) }
            rest >>= 1
        }
        return NetAddress(bytes: bytes).flatMap { NetPrefix($0, length: length) } ?? self
    }
}
