/// What the node's end of a pod's network is to look like, as a value.
///
/// In the pod's namespace, whatever comes in on the pod's interface goes out by the tunnel, and the other way round:
///
///     pod interface <─tc redirect─> tunnel interface ═══ VXLAN, from the node's namespace ═══> the VM
public struct NodeEndPlan: Equatable, Sendable {
    /// The tunnel's interface in the pod's namespace.
    public static let tunnelInterface = "vxlan1"

    /// The pod's interface in its namespace.
    public var podInterface: String
    /// The tunnel to the VM.
    public var tunnel: Tunnel
    /// The largest packet inside of the tunnel, in bytes.
    public var mtu: Int

    /// A plan that is said whole.
    public init(podInterface: String, tunnel: Tunnel, mtu: Int) {
        self.podInterface = podInterface
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
        let tunnel = Tunnel(identifier, port: port, to: vm, from: underlay.isDedicated ? own.address : nil)
        self.init(podInterface: pod.name, tunnel: tunnel, mtu: tunnel.mtu(pod: pod.mtu, underlay: underlay.mtu))
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
        try PlanCheck.tunnel(tunnel)
        try PlanCheck.mtu(mtu, carriesVersion6: false)
    }
}
