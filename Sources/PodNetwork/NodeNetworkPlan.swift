/// The plan of the node's side of a pod's network, as a value.
///
/// In the pod's namespace, each packet that arrives at the pod's interface leaves by the tunnel, and vice versa:
///
///     pod interface <─tc redirect─> tunnel interface ═══ VXLAN, from the node's namespace ═══> the VM
///
/// Packets from the VM are checked. The tunnel's interface accepts outer packets only from the VM, and only frames that
/// the pod itself may send pass to the pod's interface.
public struct NodeNetworkPlan: Equatable, Sendable {
    /// The tunnel's interface in the pod's namespace.
    static let tunnelInterface = "vxlan1"

    /// The limit of the interface's forwarding table: the default entry and the pod's entry. So the interface learns no
    /// entry.
    static let forwardingLimit: UInt32 = 2

    /// The pod's interface in its namespace.
    public var podInterface: String
    /// The pod's Ethernet address.
    public var hardwareAddress: LinkAddress
    /// The pod's addresses. The pod may use only these source addresses.
    public var addresses: [NetAddress]
    /// The tunnel to the VM.
    public var tunnel: Tunnel
    /// The MTU inside the tunnel, in bytes.
    public var mtu: Int

    /// A plan with these properties.
    public init(
        podInterface: String, hardwareAddress: LinkAddress, addresses: [NetAddress], tunnel: Tunnel, mtu: Int
    ) {
        self.podInterface = podInterface
        self.hardwareAddress = hardwareAddress
        self.addresses = addresses
        self.tunnel = tunnel
        self.mtu = mtu
    }

    /// The plan for `pod`, with a tunnel to its VM.
    ///
    /// - Throws: ``PodNetworkError`` (`invalidPlan`).
    public init(
        for pod: PodInterface, over underlay: Underlay, identifier: UInt32, port: Int, vm: NetAddress
    ) throws(PodNetworkError) {
        guard let own = underlay.address(toward: vm) else {
            throw .invalidPlan(
                "the tunnel to \(vm)",
                "\(underlay.interface) has no IPv\(vm.isVersion6 ? 6 : 4) address, which the tunnel to this VM needs",
                "Give \(underlay.interface) such an address, or name another interface with -host-interface.")
        }
        // The VM's boot document has this address, and the VM accepts packets from no other address.
        let tunnel = Tunnel(identifier, port: port, to: vm, from: own.address)
        self.init(
            podInterface: pod.name, hardwareAddress: pod.hardwareAddress, addresses: pod.addresses.map(\.address),
            tunnel: tunnel, mtu: tunnel.mtu(pod: pod.mtu, underlay: underlay.mtu))
        try check()
    }

    /// - Throws: ``PodNetworkError`` (`invalidPlan`) if the kernel would set up another network.
    public func check() throws(PodNetworkError) {
        try PlanCheck.interface(podInterface)
        if podInterface == Self.tunnelInterface {
            throw .invalidPlan(
                "the pod's interface", "\(podInterface) is the name of the tunnel's interface",
                NetworkRemedy.podInterfaceName)
        }
        guard hardwareAddress.isUnicast else {
            throw .invalidPlan(
                "the Ethernet address \(hardwareAddress)", "no interface can have it", NetworkRemedy.cni)
        }
        guard addresses.count <= PlanCheck.addressLimit else {
            throw .invalidPlan(
                "the pod's addresses",
                "there are \(addresses.count), and a pod may have \(PlanCheck.addressLimit)",
                NetworkRemedy.cni)
        }
        try PlanCheck.tunnel(tunnel)
        try PlanCheck.mtu(mtu, carriesVersion6: false)
    }

    /// The program that accepts the frames that the pod may send. The VM of another project may have the link-local
    /// address for the Ethernet address.
    var sourceCheck: FrameProgram {
        .frames(from: hardwareAddress, with: addresses + [hardwareAddress.linkLocalAddress])
    }

    /// The entry that binds the VXLAN identifier to the VM.
    var forwardingEntry: ForwardingEntry { ForwardingEntry(hardwareAddress: hardwareAddress, remote: tunnel.remote) }
}
