package import Telemetry

/// How this node reaches the VMs of a cloud.
package enum VMReach: Equatable, Sendable {
    /// The VMs are hosts of a network that this node is in, behind this interface; nil: behind the default route's.
    case network(interface: String?)
    /// The VMs have loopback addresses, for this reason; pods get no network.
    case loopback(reason: String)

    /// How pods' networks reach these VMs. The log has what prevents it.
    ///
    /// - Throws: ``PodNetworkError`` when this process cannot open its own network namespace.
    package func network(_ settings: NetworkSettings, logger: Logger) async throws -> AgentConnector.Network {
        switch self {
        case .network(let interface):
            let manager = try NodeNetworkManager(settings, reachedBy: interface, logger: logger)
            await manager.checkNode()
            return .vxlan(manager)
        case .loopback(let reason):
            logger.warning("Pods have no network in their VMs", [LogField("reason", reason)])
            return .none(reason: reason)
        }
    }
}
