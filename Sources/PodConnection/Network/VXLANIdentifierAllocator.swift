internal import LinuxIO
internal import PodNetwork
internal import PodVMLifecycle
internal import Telemetry

/// Allocates the VXLAN identifiers of this node's pods. No other interface of the node has an identifier when it is allocated.
final class VXLANIdentifierAllocator: Sendable {
    private let port: Int
    private let executor: PodNetworkExecutor
    private let state: Lock<VXLANIdentifiers>
    private let logger: Logger

    init(from minimum: Int, port: Int, executor: PodNetworkExecutor, logger: Logger) {
        guard let identifiers = VXLANIdentifiers(from: UInt32(clamping: minimum)) else {
            preconditionFailure("-vxlan-min-id was checked")
        }
        state = Lock(identifiers)
        self.port = port
        self.executor = executor
        self.logger = logger
    }

    /// Reserves a free identifier.
    ///
    /// An interface that another program has made, or that a killed adaptor has left in a pod's namespace, may have any.
    func allocate() async throws(ConnectorError) -> UInt32 {
        // Those that are in use elsewhere stay reserved until this call ends, so that none of them is drawn again.
        var rejected: [UInt32] = []
        defer { for identifier in rejected { release(identifier) } }
        do {
            while true {
                let identifier = try state.withLock { state throws(PodNetworkError) in try state.allocate() }
                rejected.append(identifier)
                if try await executor.isFree(identifier, port: port) {
                    rejected.removeLast()
                    return identifier
                }
                logger.warning(
                    """
                    A VXLAN interface of another program has the identifier that was drawn for a pod; drawing another one. \
                    If no program uses the interface, remove it ('ip -all netns exec ip -d link show type vxlan' finds it)
                    """, [LogField("identifier", identifier), LogField("port", port)])
            }
        } catch {
            throw ConnectorError(network: error, "Allocating the pod's VXLAN identifier", isOfPod: false)
        }
    }

    /// Notes that a sandbox of an earlier process has `identifier`.
    func reserve(_ identifier: UInt32) { state.withLock { _ = $0.reserve(identifier) } }

    /// Frees `identifier`.
    func release(_ identifier: UInt32) { state.withLock { $0.release(identifier) } }

    /// The number of `identifier`, counted from the minimum (`index` in apf.json).
    func index(of identifier: UInt32) -> Int { state.withLock { $0.index(of: identifier) } }
}
