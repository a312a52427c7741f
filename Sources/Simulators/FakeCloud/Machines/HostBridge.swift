internal import LinuxIO
internal import MachineIsolation
internal import PodNetwork

/// The network between fake VMs that are hosts and this machine: a bridge with a subnet.
///
///     VM eth0 198.18.4.7/22 ─── ppvc6120407 ──┐
///     VM eth0 198.18.4.9/22 ─── ppvc6120409 ──┴── ppf1a2b3c4d 198.18.4.1/22
///
/// The subnet is kept in a file, so that a later process reaches its machines at the same addresses. All calls block
/// for some milliseconds.
struct HostBridge: Sendable {
    /// The address of a VM's metadata service: on the VM's loopback interface, where this process listens.
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

    /// Creates the bridge of the cloud at `directory`, or opens the one that exists.
    ///
    /// - Throws: ``MachineError``, which names what is missing.
    static func open(of directory: String, in home: NetworkNamespace?) throws(MachineError) -> HostBridge {
        let missing = NetworkCapabilities.ofThisProcess().missing
        guard missing.isEmpty else {
            throw MachineError(
                "create fake machines as hosts",
                "this process lacks \(missing.joined(separator: " and ")): run it as root")
        }
        do {
            try OwnMounts.check()
            let host = try home ?? .ofThisProcess()
            // The lock keeps other processes from taking the subnet between the check and the creation.
            return try host.exclusively { () throws in try make(directory, in: host) }.get()
        } catch {
            throw MachineError("create fake machines as hosts", "\(error)")
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
            guard let pool = NetPrefix("198.18.0.0/16") else { preconditionFailure("198.18.0.0/16 is a valid network") }
            subnet = try LocalNetwork.freeNetwork(in: pool, length: 22, seed: directory, host: host)
        }
        let network = LocalNetwork(bridge: name, gateway: subnet.host(1), in: host)
        // It belongs to a cloud whose directory was removed while the cloud ran.
        if kept == nil, isThere { try network.remove() }
        try DurableFile.write(Array("\(subnet)\n".utf8), to: file)
        try network.make()
        clearUp(after: name, of: directory, in: host)
        return HostBridge(subnet, network, in: host, file: file)
    }

    /// Records the owner of the bridge, and removes bridges of clouds that were killed when they had no machines.
    ///
    /// Errors are ignored, because nothing depends on the result.
    private static func clearUp(after own: String, of directory: String, in host: NetworkNamespace) {
        // A process in another mount namespace cannot read this cloud's lock, and this process cannot read the
        // other's.
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

    /// Whether no process uses the state of a cloud. A cloud without a lock counts as used.
    private static func isOver(_ directory: String) -> Bool {
        let lock = "\(directory)/lock"
        return !Files.exists(directory) || Files.exists(lock) && (try? FileLock.isHeld(lock)) == false
    }

    /// Removes the bridge; there must be no machines.
    func remove() throws {
        try network.remove()
        try Files.removeTree(file)
    }

    /// Connects a new network namespace at `address`, and opens the listener of its metadata service.
    func makeHost(named name: String, at address: String) throws -> NetworkNamespace {
        let own = try HostBridge.parse(address)
        let namespace = try NetworkNamespace.make(named: "the network namespace of \(name)")
        let hardware = try network.plug(
            namespace, port: HostBridge.port(of: own),
            // A function of the address, so that neighbour entries for an earlier VM at this address stay correct.
            hardwareAddress: HostBridge.hardwareAddress(of: own),
            addresses: [NetPrefix(own, length: subnet.length) ?? subnet])
        try awaitCarrier(of: HostBridge.port(of: own))
        // A client that already tries to connect waits for the Ethernet address and would repeat its query only after
        // a second.
        let outside = try NetlinkSocket.open(in: host, "this host")
        try outside.add(PodNeighbor(own, is: hardware), on: outside.made(interface), forGood: false)
        let inside = try NetlinkSocket.open(in: namespace, "\(namespace)")
        guard case .tcp(let service, _) = HostBridge.metadata else {
            preconditionFailure("the metadata service has a TCP address")
        }
        try inside.add(NetPrefix(only: HostBridge.parse(service)), to: inside.made("lo"), hasNetworkRoute: false)
        return namespace
    }

    /// Waits until the bridge forwards packets to a port: the kernel enables that a moment after it adds the port.
    private func awaitCarrier(of port: String) throws {
        let socket = try NetlinkSocket.open(in: host, "this host")
        let patience = ContinuousClock.now.advanced(by: .milliseconds(200))
        while try !(socket.made(port).isRunning && socket.made(interface).isRunning), ContinuousClock.now < patience {
            Thread.pause(milliseconds: 1)
        }
    }

    /// Disconnects the machine at `address` from a bridge in `home` (nil: in this process's network). Does nothing if
    /// the machine is not connected.
    static func removeHost(at address: String, in home: NetworkNamespace?) throws {
        let socket = try NetlinkSocket.open(in: home ?? .ofThisProcess(), "this host")
        guard let end = try socket.link(named: port(of: parse(address))), end.kind == "veth" else { return }
        try socket.delete(end)
    }

    /// Removes the neighbour entry of a machine that is no longer connected, if there is one.
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

    /// The name of this machine's end of a VM's veth pair: unique on this machine, as the address is.
    private static func port(of address: NetAddress) -> String {
        "ppv" + String(hexadecimal: address.bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }

    private static func parse(_ text: String) throws -> NetAddress {
        guard let address = NetAddress(text), !address.isVersion6 else {
            throw MachineError("connect a machine", "\(text.debugDescription) is not an IPv4 address")
        }
        return address
    }
}

extension NetPrefix {
    /// The number of VMs that fit into an IPv4 network: all addresses except the first, the last and the bridge's.
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
