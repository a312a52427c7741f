internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import TTRPC
internal import Telemetry

/// `peerpod.v1.PodVM`: what this VM reports to the node. It changes nothing.
struct PodVMService: Sendable {
    /// The pod's network, as it was set up; nil if the node wanted none.
    struct Network: Sendable {
        let networks: PodNetworkExecutor
        let plan: GuestNetworkPlan
        let namespace: String
    }

    private let network: Network?

    init(_ network: Network?) { self.network = network }

    /// A server of it, for the few short calls that there are.
    func server(on loop: EpollLoop, logger: Logger) -> Server {
        let handler = PodVM.network.handled { _, _ in try await status() }
        var limits = ServerLimits()
        limits.callsPerConnection = 4
        limits.callBytesPerConnection = 64 << 10
        limits.frameBudget = 64 << 10
        limits.frameTime = .seconds(5)
        return Server(Service.services(of: [handler]), on: loop, limits: limits, logger: logger)
    }

    /// The network at this moment, after a packet that the node can look for; an error while reading becomes a problem
    /// of the answer.
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
    /// More entries of a kind than any pod has: an answer has at most so many, also if other programs add entries.
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
