internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import TTRPC
internal import Telemetry

/// `peerpod.v1.PodVM`: the VM's reports to the node. The service changes nothing.
struct PodVMService: Sendable {
    /// The pod's network, as it was set up; nil if the node requested none.
    struct Network: Sendable {
        let networks: PodNetworkExecutor
        let plan: GuestNetworkPlan
        let namespace: String
    }

    private let network: Network?

    init(_ network: Network?) { self.network = network }

    /// A server of this service, sized for its few short calls.
    func server(on loop: EpollLoop, logger: Logger) -> Server {
        let handler = PodVM.network.handled { _, _ in try await status() }
        var limits = ServerLimits()
        limits.callsPerConnection = 4
        limits.callBytesPerConnection = 64 << 10
        limits.frameBudget = 64 << 10
        limits.frameTime = .seconds(5)
        return Server(Service.services(of: [handler]), on: loop, limits: limits, logger: logger)
    }

    /// The network at this moment, after a packet that the node can look for. An error while reading becomes a problem
    /// in the answer.
    func status() async throws -> VMNetworkStatus {
        guard let network else {
            return .with { $0.problems = ["The node's boot document describes no pod network for this VM."] }
        }
        do {
            try? await network.networks.probe(network.plan, in: network.namespace)
            return VMNetworkStatus(try await network.networks.state(of: network.plan, in: network.namespace))
        } catch let error as PodNetworkError {
            return .with { $0.problems = ["The VM's end cannot be inspected: \(error)"] }
        }
    }
}

extension VMNetworkStatus {
    /// The most entries of a kind in an answer, also if other programs add entries. No pod has so many.
    private static let limit = 1100

    fileprivate init(_ state: GuestNetworkState) {
        self.init()
        if let hop = state.underlay { hops.append(HopStatus(hop, in: .vm)) }
        if let hop = state.pod { hops.append(HopStatus(hop, in: .podInVM)) }
        addresses = state.addresses.prefix(Self.limit).map(\.description)
        routes = state.routes.prefix(Self.limit).map(\.description)
        problems = Array(state.problems.prefix(Self.limit))
        tunnel = state.tunnelDescription ?? ""
    }
}
