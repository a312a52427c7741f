/// What the node's end of a pod's network is to look like, as a value.
///
/// In the pod's namespace, whatever comes in on the pod's interface goes out by the tunnel, and the other way round:
///
///     pod interface <─tc redirect─> tunnel interface ═══ VXLAN, from the node's namespace ═══> the VM
///
/// What comes from the VM is checked: the tunnel's interface takes outer packets from the VM alone, and only frames that the pod
/// itself may send pass to the pod's interface.
public struct NodeNetworkPlan: Equatable, Sendable {
    /// The tunnel's interface in the pod's namespace.
    public static let tunnelInterface = "vxlan1"

    /// How many addresses the tunnel's interface may know: where everything goes, and where the pod is. It learns none.
    static let forwardingLimit: UInt32 = 2

    /// The pod's interface in its namespace.
    public var podInterface: String
    /// The pod's Ethernet address.
    public var hardwareAddress: LinkAddress
    /// The pod's addresses: what it may send from.
    public var addresses: [NetAddress]
    /// The tunnel to the VM.
    public var tunnel: Tunnel
    /// The largest packet inside of the tunnel, in bytes.
    public var mtu: Int

    /// A plan that is said whole.
    public init(
        podInterface: String, hardwareAddress: LinkAddress, addresses: [NetAddress], tunnel: Tunnel, mtu: Int
    ) {
        self.podInterface = podInterface
        self.hardwareAddress = hardwareAddress
        self.addresses = addresses
        self.tunnel = tunnel
        self.mtu = mtu
    }

    /// The plan for `pod`, whose VM is at the tunnel's other end.
    ///
    /// - Throws: ``PodNetworkError`` (`invalidPlan`).
    public init(
        for pod: PodInterface, over underlay: Underlay, identifier: UInt32, port: Int, vm: NetAddress
    ) throws(PodNetworkError) {
        guard let own = underlay.address(toward: vm) else {
            throw .invalidPlan(
                "the tunnel to \(vm)",
                "\(underlay.interface) has no IPv\(vm.isVersion6 ? 6 : 4) address, and the VM has no other",
                "Give \(underlay.interface) one, or name another interface with -host-interface.")
        }
        // The address that the VM was told: it takes packets from no other.
        let tunnel = Tunnel(identifier, port: port, to: vm, from: own.address)
        self.init(
            podInterface: pod.name, hardwareAddress: pod.hardwareAddress, addresses: pod.addresses.map(\.address),
            tunnel: tunnel, mtu: tunnel.mtu(pod: pod.mtu, underlay: underlay.mtu))
        try check()
    }

    /// - Throws: ``PodNetworkError`` (`invalidPlan`) if the kernel would do something else than what is said.
    public func check() throws(PodNetworkError) {
        try PlanCheck.interface(podInterface)
        if podInterface == Self.tunnelInterface {
            throw .invalidPlan(
                "the pod's interface", "\(podInterface) is the name of the tunnel's own",
                "Give the pod's interface another name in the CNI's configuration.")
        }
        guard hardwareAddress.isUnicast else {
            throw .invalidPlan(
                "the Ethernet address \(hardwareAddress)", "no interface can have it", "Look at what the CNI has made.")
        }
        guard addresses.count <= PlanCheck.addressLimit else {
            throw .invalidPlan(
                "the pod's addresses",
                "there are \(addresses.count) of them, more than the \(PlanCheck.addressLimit) that a pod may have",
                "Look at what the CNI has made.")
        }
        try PlanCheck.tunnel(tunnel)
        try PlanCheck.mtu(mtu, carriesVersion6: false)
    }

    /// Takes the frames that the pod may send. A VM of another make may have the link-local address that Ethernet's gives.
    var sourceCheck: FrameProgram {
        .frames(from: hardwareAddress, with: addresses + [hardwareAddress.linkLocalAddress])
    }

    /// Binds the tunnel's number to the VM.
    var forwardingEntry: ForwardingEntry { ForwardingEntry(hardwareAddress: hardwareAddress, remote: tunnel.remote) }
}
