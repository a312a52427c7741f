import Controller
import Doubles
import LinuxIO
import PodVMLifecycle

/// A cloud in memory, whose lists can fail.
final class ScriptedControllerCloud: ControllerCloud {
    struct State {
        var vms: [ListedInstance] = []
        var leftovers: [Leftover] = []
        var deleted: [String] = []
        var listing: ProviderError?
        var deletion: ProviderError?
        /// Whether a deletion waits until its task is cancelled.
        var hangs = false
    }

    let state = Lock(State())
    let lists = CallCounter<Bool>()

    var deleted: [String] { state.withLock { $0.deleted } }

    func instances() async throws(ProviderError) -> [ListedInstance] {
        defer { lists.count(true) }
        let (vms, failure) = state.withLock { ($0.vms, $0.listing) }
        if let failure { throw failure }
        return vms
    }

    func leftovers() async throws(ProviderError) -> [Leftover] { state.withLock { $0.leftovers } }

    func instance(at path: String) async throws(ProviderError) -> ListedInstance? {
        guard path.hasPrefix(Example.path("")) else {
            throw ProviderError(.foreign, .giveUp, during: "read the VM", "it is in another resource group")
        }
        return state.withLock { state in state.vms.first { Example.path($0.id.rawValue) == path } }
    }

    func delete(_ instance: ListedInstance) async throws(ProviderError) {
        if state.withLock({ $0.hangs }) {
            await Event().wait()
            throw .gaveUp
        }
        if let failure = state.withLock({ $0.deletion }) { throw failure }
        state.withLock { state in
            state.vms.removeAll { $0 == instance }
            state.deleted.append(instance.id.rawValue)
        }
    }

    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        state.withLock { state in
            state.leftovers.removeAll { $0 == leftover }
            state.deleted.append(leftover.name)
        }
    }
}

/// A cluster in memory, whose lists can fail.
final class ScriptedControllerCluster: ControllerCluster {
    struct State {
        var snapshot = Example.snapshot()
        var failure: ClusterFailure?
        var released: [String] = []
        /// Objects that exist when they are asked for by name, although the lists lack them.
        var reappeared: Set<ClusterObject> = []
    }

    let state = Lock(State())

    var released: [String] { state.withLock { $0.released } }

    func snapshot() async throws(ClusterFailure) -> ClusterSnapshot {
        let (snapshot, failure) = state.withLock { ($0.snapshot, $0.failure) }
        if let failure { throw failure }
        return snapshot
    }

    func exists(_ object: ClusterObject) async throws(ClusterFailure) -> Bool {
        let (snapshot, failure, isBack) = state.withLock {
            ($0.snapshot, $0.failure, $0.reappeared.contains(object))
        }
        if let failure { throw failure }
        switch object {
        case .node(let name): return isBack || snapshot.nodes.contains(name)
        case .namespace(let name): return isBack || snapshot.namespaces.contains(name)
        case .pod(_, _, let uid): return isBack || snapshot.pods.contains { $0.uid == uid }
        }
    }

    func release(_ peerPod: PeerPodEntry) async throws(ClusterFailure) {
        state.withLock { state in
            state.snapshot.peerPods.removeAll { $0 == peerPod }
            state.released.append(peerPod.name)
        }
    }
}
