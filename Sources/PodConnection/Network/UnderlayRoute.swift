/// The route of the tunnels' outer packets out of this node.
struct UnderlayRoute: Equatable, Sendable {
    /// The interface; empty is that of the default route.
    let interface: String
    /// Whether the operator has named the interface. It may then be for the tunnels alone; the interface that the cloud names
    /// never is.
    let isConfigured: Bool

    /// Whether the interface is for the tunnels alone; nil has the executor find out.
    var isDedicated: Bool? { isConfigured ? nil : false }

    /// The interface `configured` with -host-interface, or else the one that the cloud's VMs are reached by.
    init(configured: String, cloud: String?) {
        interface = configured.isEmpty ? cloud ?? "" : configured
        isConfigured = !configured.isEmpty
    }
}
