internal import LinuxIO
internal import PodNetwork
internal import PodVMLifecycle
internal import Telemetry

/// The VXLAN identifiers of this node's pods, each of which no other interface of the node has when it is drawn.
final class TunnelIdentifiers: Sendable {
    private let port: Int
    private let networks: PodNetworkExecutor
    private let state: Lock<VXLANIdentifiers>
    private let logger: Logger

    init(from minimum: Int, port: Int, networks: PodNetworkExecutor, logger: Logger) {
        guard let identifiers = VXLANIdentifiers(from: UInt32(clamping: minimum)) else {
            preconditionFailure("-vxlan-min-id was checked")
        }
        state = Lock(identifiers)
        self.port = port
        self.networks = networks
        self.logger = logger
    }

    /// Draws one, which is taken from then on.
    ///
    /// An interface that another program has made, or that a killed adaptor has left in a pod's namespace, may have any.
    func draw() async throws(ConnectorError) -> UInt32 {
        // They stay taken until this call is over, so that none of them is drawn again.
        var others: [UInt32] = []
        defer { for identifier in others { release(identifier) } }
        do {
            while true {
                let identifier = try state.withLock { state throws(PodNetworkError) in try state.allocate() }
                others.append(identifier)
                if try await networks.isFree(identifier, port: port) {
                    others.removeLast()
                    return identifier
                }
                logger.warning(
                    """
                    A VXLAN interface of another program has the identifier that was drawn for a pod: the pod gets another one. \
                    If no program uses the interface, remove it ('ip -all netns exec ip -d link show type vxlan' finds it)
                    """, [LogField("identifier", identifier), LogField("port", port)])
            }
        } catch {
            throw ConnectorError(network: error, "Numbering the pod's tunnel", isOfPod: false)
        }
    }

    /// Notes that a sandbox of an earlier process has `identifier`.
    func take(_ identifier: UInt32) { state.withLock { _ = $0.take(identifier) } }
    func release(_ identifier: UInt32) { state.withLock { $0.release(identifier) } }
    func index(of identifier: UInt32) -> Int { state.withLock { $0.index(of: identifier) } }
}
