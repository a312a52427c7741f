import Doubles
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@Suite("An API server that does not work")
struct OutageTests {
    private static let node = ObjectName(.nodes, "node-1")

    /// Short limits, so that a test need not wait for those of the adaptor.
    private static let limits: KubernetesClient.Limits = {
        var limits = KubernetesClient.Limits()
        limits.request = .milliseconds(300)
        limits.call = .seconds(1)
        return limits
    }()

    private static func capacity(_ fake: FakeCluster) -> JSONValue? {
        fake.cluster.objects("nodes").first?["status"]?["capacity"]?["kata.peerpods.io/vm"]
    }

    /// The ways in which all requests fail.
    private static let outages: [(String, APIFault.Action)] = [
        ("closed connections", .dropBefore), ("no answer", .hang), ("half an answer", .truncate),
        ("503", .refuse(status: 503, reason: "ServiceUnavailable", message: "no leader")),
        ("a proxy's page", .html(status: 502)),
    ]

    @Test(
        "at the start or later is shown as missing, and is used again as soon as it works: closed connections, no answer, half an answer, 503, a proxy's page",
        arguments: outages.indices)
    func outage(index: Int) async throws {
        let outage = APIScenario([APIFault(Self.outages[index].1)])
        try await FakeCluster.run(limits: Self.limits) { fake in
            fake.cluster.set(outage)
            let features = ClusterFeatures(metrics: fake.metrics)
            let advertiser = NodeAdvertiser(
                fake.client, node: "node-1", owner: "u1", limit: 10, features: features,
                clock: FastClock(loop: fake.loop))
            try await alongside({ await advertiser.run() }) {
                for moment in ["at the start", "later"] {
                    try await eventually(on: fake.loop, "the failure \(moment)") {
                        features.missing.contains { $0.hasPrefix("node-resource: ") }
                    }
                    fake.cluster.set(APIScenario())
                    try await eventually(on: fake.loop, "the capacity after the outage \(moment)") {
                        Self.capacity(fake) == "10" && features.missing.isEmpty
                    }
                    if moment == "later" { break }
                    // A watch that begins during the outage would wait for its answer for minutes.
                    try await eventually(on: fake.loop, "the watch") { fake.cluster.watches == 1 }
                    fake.cluster.set(outage)
                    // The kubelet registers the Node as a new object, which the adaptor cannot see yet.
                    fake.cluster.remove("nodes", "node-1")
                    fake.cluster.addNode("node-1")
                    fake.cluster.endWatches()
                }
            }
        }
    }

    @Test("that is slow is waited for within the limit of a request, and not beyond it")
    func slow() async throws {
        try await FakeCluster.run(limits: Self.limits) { fake in
            fake.cluster.set(APIScenario([APIFault(.delay(.milliseconds(50)))]))
            _ = try await fake.client.get(Self.node)
            fake.cluster.set(APIScenario([APIFault(.delay(.seconds(5)))]))
            let begun = ContinuousClock.now
            #expect(await fake.kind { _ = try await fake.client.get(Self.node) } == .unreachable)
            #expect(begun.duration(to: .now) < .seconds(3))
        }
    }

    @Test("that sends an object of 10 MB, alone, in a list or in a watch, gets an error, and the next answer is read")
    func large() async throws {
        try await FakeCluster.run { fake in
            func read(_ verb: String) async throws {
                if verb == "get" {
                    _ = try await fake.client.get(Self.node)
                } else {
                    _ = try await fake.client.list(ObjectSelection(Self.node))
                }
            }
            // A page of a list may have 16 MiB.
            for (verb, size) in [("get", 10_000_000), ("list", 20_000_000)] {
                fake.cluster.set(APIScenario([APIFault(.oversize(bytes: size), at: verb)]))
                #expect(await fake.kind { try await read(verb) } == .malformed, "\(verb)")
                fake.cluster.set(APIScenario())
                try await read(verb)
            }
            fake.cluster.set(APIScenario([APIFault(.oversize(bytes: 10_000_000), at: "watch", first: 1)]))
            let seen = Lock([String]())
            let watching: @Sendable () async -> Void = {
                await fake.client.follow(ObjectSelection(Self.node)) { event in
                    switch event {
                    case .listed: seen.withLock { $0.append("listed") }
                    case .changed: seen.withLock { $0.append("changed") }
                    case .failed(let error): seen.withLock { $0.append(error.kind.rawValue) }
                    }
                }
            }
            try await alongside(watching) {
                try await eventually(on: fake.loop, "the list after the error") {
                    seen.withLock { $0.prefix(3) == ["listed", "malformed answer", "listed"] }
                }
            }
        }
    }
}
