internal import LinuxIO
internal import PodNetwork

/// How long the ends of many pods' networks take to come and to go.
public struct SetUpPace: Sendable {
    /// One kind of call, made for each pod.
    public struct Series: Sendable {
        /// Each call, in seconds.
        public let calls: [Double]
        /// All of them, in seconds.
        public let wall: Double
    }

    /// The node's end, one pod after the other.
    public let nodeOneByOne: Series
    /// The node's end, all pods at once.
    public let nodeAtOnce: Series
    /// The VM's end, many at once (in truth each VM has one).
    public let vmAtOnce: Series
    /// The node's end going, many at once.
    public let tearDown: Series
    /// Looking at the pod's namespace, many at once.
    public let inspection: Series

    /// Measures with `count` pods, `parallel` at once, in namespaces that are gone afterwards.
    ///
    /// Needs `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`.
    public init(pods count: Int, parallel: Int) async throws {
        let lab = try Lab()
        let remote = try address("10.0.0.2")
        let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: remote)
        let pods = try (0..<count).map { number in
            Pod(
                outside: try lab.makePod(number), inside: try NetworkNamespace.make(named: "podns"),
                identifier: 555_000 + UInt32(number))
        }
        let nodePlans = try pods.map { pod in
            try NodeNetworkPlan(Tunnel(pod.identifier, port: Lab.port, to: remote))
        }
        let all = Array(pods.indices)
        inspection = try await Self.series(all, parallel) {
            _ = try await lab.nodeNetworks.inspect(pods[$0].outside.path)
        }
        let setUp: @Sendable (Int) async throws -> Void = { number in
            try await lab.nodeNetworks.setUp(nodePlans[number], in: pods[number].outside.path)
        }
        let remove: @Sendable (Int) async throws -> Void = { number in
            try await lab.nodeNetworks.removeNodeNetwork(
                podInterface: "eth0", identifier: pods[number].identifier, in: pods[number].outside.path)
        }
        nodeOneByOne = try await Self.series(all, 1, setUp)
        _ = try await Self.series(all, parallel, remove)
        nodeAtOnce = try await Self.series(all, parallel, setUp)
        vmAtOnce = try await Self.series(all, parallel) { number in
            let interface = try await lab.nodeNetworks.inspect(pods[number].outside.path)
            let plan = try GuestNetworkPlan(
                for: interface, over: underlay, identifier: pods[number].identifier, port: Lab.port)
            try await lab.vmNetworks.setUp(plan, in: pods[number].inside.path)
        }
        tearDown = try await Self.series(all, parallel, remove)
    }

    private struct Pod: Sendable {
        let outside: NetworkNamespace
        let inside: NetworkNamespace
        let identifier: UInt32
    }

    private static func series(
        _ numbers: [Int], _ parallel: Int, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Series {
        let semaphore = AsyncSemaphore(parallel)
        let start = ContinuousClock.now
        let calls = try await withThrowingTaskGroup(of: Double.self) { group in
            for number in numbers {
                group.addTask {
                    try await semaphore.withPermit {
                        let begun = ContinuousClock.now
                        try await body(number)
                        return begun.duration(to: .now) / .seconds(1)
                    }
                }
            }
            return try await group.reduce(into: [Double]()) { $0.append($1) }
        }
        return Series(calls: calls, wall: start.duration(to: .now) / .seconds(1))
    }
}
