import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

/// Keeps what it is told, in order.
private final class Witness: LifecycleObserver {
    private let told = Lock([String]())
    private let machines: @Sendable () -> Int

    /// `machines` counts the VMs that exist.
    init(machines: @escaping @Sendable () -> Int) { self.machines = machines }

    var words: [String] { told.withLock { $0 } }

    func observe(_ event: LifecycleEvent, of pod: ObservedPod) { add(Self.word(event)) }
    func willCreateInstance(of pod: ObservedPod) async { add("will create, with \(machines()) VMs") }
    func didDeleteInstance(of pod: ObservedPod) { add("did delete, with \(machines()) VMs") }

    private func add(_ word: String) { told.withLock { $0.append(word) } }

    private static func word(_ event: LifecycleEvent) -> String {
        switch event {
        case .preparing: "preparing"
        case .preparationFailed: "preparation failed"
        case .detailMissing(let reason): "missing: \(reason)"
        case .requested: "requested"
        case .placed(let place, let reason): "placed: \(place), \(reason)"
        case .refused(let refused): "refused: \(refused.code)"
        case .addressKnown: "address"
        case .replaced: "replaced"
        case .running: "running"
        case .startFailed(let error): "start failed: \(error.code)"
        case .deleted: "deleted"
        case .deletionFailed: "deletion failed"
        }
    }
}

@Suite("An observer of the lifecycle")
struct ObserverTests {
    @Test("is told of each place that is tried or refused, and of each detail of the pod that is missing")
    func places() async throws {
        let cloud = ScriptedCloud()
        let (first, second) = (InstancePlace(size: "S", zone: "1", tee: .tdx), InstancePlace(size: "S", zone: "2"))
        cloud.announced.withLock {
            $0 = [
                .trying(first),
                .refused(RefusedTry(place: first, code: "SkuNotAvailable", detail: "none", next: second)),
                .trying(second),
            ]
        }
        let witness = Witness { cloud.machines.count }
        let node = Node(cloud: cloud, observer: witness, details: FixedDetails { $0.remarks = ["no secret"] })
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
        }
        #expect(
            witness.words == [
                "preparing", "missing: no secret", "will create, with 0 VMs", "requested",
                "placed: S in zone 1 (tdx), the pod asks for no size, so the default size comes first",
                "refused: SkuNotAvailable",
                "placed: S in zone 2, the pod asks for no size, so the default size comes first", "address", "running",
            ])
    }

    @Test("is told of each step in order, before the VM is asked for and after it is gone")
    func good() async throws {
        let cloud = ScriptedCloud()
        let witness = Witness { cloud.machines.count }
        let node = Node(cloud: cloud, observer: witness)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            try await supervisor.stop("a")
            await node.settled()
        }
        #expect(
            witness.words == [
                "preparing", "will create, with 0 VMs", "requested", "address", "running", "deleted",
                "did delete, with 0 VMs",
            ])
    }

    @Test("is told of a start that the cloud refuses")
    func refused() async throws {
        let cloud = ScriptedCloud()
        cloud.creation.append(.fail(ProviderError(.quotaExceeded, .giveUp, during: "create VM")))
        let witness = Witness { cloud.machines.count }
        let node = Node(cloud: cloud, observer: witness)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            #expect(await failure { try await supervisor.start(request("a").id) } != nil)
            await node.settled()
        }
        #expect(witness.words.contains { $0.hasPrefix("start failed") })
        #expect(witness.words.last == "did delete, with 0 VMs")
    }
}
