internal import LinuxIO
internal import PodNetwork

/// What connects the fake VMs that are hosts with each other and with us: a bridge, and a subnet of its own.
///
///     VM eth0 198.18.4.7/22 ─── ppvc6120407 ──┐
///     VM eth0 198.18.4.9/22 ─── ppvc6120409 ──┴── ppf1a2b3c4d 198.18.4.1/22
///
/// The subnet is written down, so that a later process finds its machines where they were. All of its calls block for
/// some milliseconds.
struct HostBridge: Sendable {
    /// Where a VM finds its metadata service: an address of its own loopback interface, on which we listen.
    static let metadata = SocketAddress.tcp(host: "169.254.169.254", port: 80)

    let subnet: NetPrefix
    private let network: LocalNetwork
    private let host: NetworkNamespace
    private let file: String

    /// The bridge's name.
    var interface: String { network.bridge }

    private init(_ subnet: NetPrefix, _ network: LocalNetwork, in host: NetworkNamespace, file: String) {
        self.subnet = subnet
        self.network = network
        self.host = host
        self.file = file
    }

    /// Makes the bridge of the cloud at `directory`, or finds it.
    ///
    /// - Throws: ``MachineError`` that says what is missing.
    static func open(of directory: String, in home: NetworkNamespace?) throws(MachineError) -> HostBridge {
        let missing = NetworkCapabilities.ofThisProcess().missing
        guard missing.isEmpty else {
            throw MachineError(
                "make hosts of fake machines",
                "this process lacks \(missing.joined(separator: " and ")): be root for it")
        }
        do {
            try OwnMounts.check()
            let host = try home ?? .ofThisProcess()
            // Nobody else may take the same subnet between the look and the making.
            return try host.exclusively { () throws in try make(directory, in: host) }.get()
        } catch {
            throw MachineError("make hosts of fake machines", "\(error)")
        }
    }

    private static func make(_ directory: String, in host: NetworkNamespace) throws -> HostBridge {
        let name = "ppf" + String(hexadecimal: UInt32(truncatingIfNeeded: AddressPlan.hash(directory)))
        let file = "\(directory)/subnet"
        let isThere = try NetlinkSocket.open(in: host, "this host").link(named: name) != nil
        let kept = (try? DurableFile.read(file, limit: 100)).flatMap {
            NetPrefix(String(decoding: $0, as: UTF8.self).filter { $0 != "\n" })
        }
        let subnet: NetPrefix
        if let kept, isThere {
            subnet = kept
        } else {
            guard let pool = NetPrefix("198.18.0.0/16") else { preconditionFailure("that is a network") }
            subnet = try LocalNetwork.freeNetwork(in: pool, length: 22, seed: directory, host: host)
        }
        let network = LocalNetwork(bridge: name, gateway: subnet.host(1), in: host)
        // Of a cloud whose directory was removed while it was at work.
        if kept == nil, isThere { try network.remove() }
        try DurableFile.write(Array("\(subnet)\n".utf8), to: file)
        try network.make()
        clearUp(after: name, of: directory, in: host)
        return HostBridge(subnet, network, in: host, file: file)
    }

    /// Notes whose bridge this is, and removes those of clouds that were killed when they had no machines.
    ///
    /// As good as it goes: nothing depends on it.
    private static func clearUp(after own: String, of directory: String, in host: NetworkNamespace) {
        // Who sees other files cannot tell whether we are at work, and the other way round.
        let prefix = "fake cloud \(Files.number(of: "/proc/self/ns/mnt") ?? 0) at "
        guard let socket = try? NetlinkSocket.open(in: host, "this host"), let links = try? socket.links() else {
            return
        }
        for link in links where link.kind == "bridge" && link.name.hasPrefix("ppf") {
            if link.name == own {
                if link.note != prefix + directory { try? socket.setNote(prefix + directory, of: link) }
            } else if link.note.hasPrefix(prefix), !links.contains(where: { $0.master == link.index }),
                isOver(String(link.note.dropFirst(prefix.count)))
            {
                _ = try? socket.delete(link)
            }
        }
    }

    /// Whether nobody uses the state of a cloud; one that has no lock is somebody's who needs none.
    private static func isOver(_ directory: String) -> Bool {
        let lock = "\(directory)/lock"
        return !Files.exists(directory) || Files.exists(lock) && (try? FileLock.isHeld(lock)) == false
    }

    /// Removes the bridge, once there are no machines.
    func remove() throws {
        try network.remove()
        try Files.removeTree(file)
    }

    /// Connects a new network namespace at `address`, from which its metadata service is to be had as well.
    func makeHost(named name: String, at address: String) throws -> NetworkNamespace {
        let own = try HostBridge.parse(address)
        let namespace = try NetworkNamespace.make(named: "the network namespace of \(name)")
        let hardware = try network.plug(
            namespace, port: HostBridge.port(of: own),
            // The same for the same address, so that nobody who remembers an earlier VM at it sends to the wrong one.
            hardwareAddress: HostBridge.hardwareAddress(of: own),
            addresses: [NetPrefix(own, length: subnet.length) ?? subnet])
        try awaitCarrier(of: HostBridge.port(of: own))
        // Whoever calls it already waits for its Ethernet address, and would not ask again for a second.
        let outside = try NetlinkSocket.open(in: host, "this host")
        try outside.add(PodNeighbor(own, is: hardware), on: outside.made(interface), forGood: false)
        let inside = try NetlinkSocket.open(in: namespace, "\(namespace)")
        guard case .tcp(let service, _) = HostBridge.metadata else { preconditionFailure("an address it is") }
        try inside.add(NetPrefix(only: HostBridge.parse(service)), to: inside.made("lo"), hasNetworkRoute: false)
        return namespace
    }

    /// Waits until the bridge passes packets to a port, which the kernel has it do a moment after the cable is there.
    private func awaitCarrier(of port: String) throws {
        let socket = try NetlinkSocket.open(in: host, "this host")
        let patience = ContinuousClock.now.advanced(by: .milliseconds(200))
        while try !(socket.made(port).isRunning && socket.made(interface).isRunning), ContinuousClock.now < patience {
            Thread.pause(milliseconds: 1)
        }
    }

    /// Disconnects the machine at `address` from a bridge of `home` (nil: of this process's own network); nothing if it
    /// is not connected.
    static func removeHost(at address: String, in home: NetworkNamespace?) throws {
        let socket = try NetlinkSocket.open(in: home ?? .ofThisProcess(), "this host")
        guard let end = try socket.link(named: port(of: parse(address))), end.kind == "veth" else { return }
        try socket.delete(end)
    }

    /// Forgets the Ethernet address of a machine that is no longer connected; nothing if it is not known.
    func forgetHost(at address: String) throws {
        let own = try HostBridge.parse(address)
        let socket = try NetlinkSocket.open(in: host, "this host")
        guard let bridge = try socket.link(named: interface), let hardware = HostBridge.hardwareAddress(of: own) else {
            return
        }
        try socket.remove(PodNeighbor(own, is: hardware), on: bridge)
    }

    /// The Ethernet address of the VM at an address.
    private static func hardwareAddress(of address: NetAddress) -> LinkAddress? {
        LinkAddress(bytes: [0x02, 0] + address.bytes)
    }

    /// The name of our end of a VM's cable: unique on this host, as the address is.
    private static func port(of address: NetAddress) -> String {
        "ppv" + String(hexadecimal: address.bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }

    private static func parse(_ text: String) throws -> NetAddress {
        guard let address = NetAddress(text), !address.isVersion6 else {
            throw MachineError("connect a machine", "\(text.debugDescription) is no IPv4 address")
        }
        return address
    }
}

extension NetPrefix {
    /// How many VMs have room in an IPv4 network: all addresses but its first, its last and the bridge's own.
    var machineCapacity: UInt32 { (1 << UInt32(32 - length)) - 3 }

    /// The address of VM `number`, from 0.
    func machineAddress(_ number: UInt32) -> String { "\(host(UInt64(number) + 2).address)" }
}

extension String {
    /// Eight hexadecimal digits.
    fileprivate init(hexadecimal number: UInt32) {
        let digits = String(number, radix: 16)
        self = String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}
