internal import LinuxIO

/// What is known of a pod while it lives: its timeline, and what went wrong on the side.
///
/// Concurrency: the tasks of one pod share it; everything is under its lock.
final class PodProgress: Sendable {
    private struct State {
        var timeline = PodTimeline()
        var phase: (Phase, start: Duration)?
        var teardownFailures: [PodFailure] = []
        var outOfMemoryKills = 0
        var networkInfo: PodNetworkInfo?
        var network: NetworkFinding?

        mutating func endPhase(_ now: Duration) {
            if let phase { timeline.add(phase.0, from: phase.start, to: now) }
            phase = nil
        }
    }

    private let state = Lock(State())
    private let start = ContinuousClock.now

    /// The phase before ends here, well or not, and this one begins.
    func enter(_ phase: Phase) {
        let now = ContinuousClock.now - start
        state.withLock { state in
            state.endPhase(now)
            state.phase = (phase, now)
        }
    }

    /// The phase before ends here, and none begins: what comes now is not the pod's.
    func pause() {
        let now = ContinuousClock.now - start
        state.withLock { $0.endPhase(now) }
    }

    /// Notes where in the network the pod is.
    func note(_ networkInfo: PodNetworkInfo) { state.withLock { $0.networkInfo = networkInfo } }

    /// Notes what its network looks like.
    func note(_ network: NetworkFinding) { state.withLock { $0.network = network } }

    /// Notes what went wrong, but does not change how the pod ended.
    func note(_ trouble: PodFailure) { state.withLock { $0.teardownFailures.append(trouble) } }

    /// Notes that the VM's kernel killed a process because memory ran out.
    func noteOutOfMemory() { state.withLock { $0.outOfMemoryKills += 1 } }

    /// All of it, as the outcome of the pod; the last phase ends here.
    func outcome(of pod: PodIdentity, _ result: PodOutcome.Result) -> PodOutcome {
        let now = ContinuousClock.now - start
        return state.withLock { state in
            state.endPhase(now)
            return PodOutcome(
                pod: pod.name, namespace: pod.namespace, sandbox: pod.sandbox, timeline: state.timeline,
                result: result, teardownFailures: state.teardownFailures, outOfMemoryKills: state.outOfMemoryKills,
                networkInfo: state.networkInfo,
                network: state.network)
        }
    }
}

/// What a pod is called, by Kubernetes and by containerd.
struct PodIdentity: Sendable {
    let name: String
    let namespace: String
    /// The sandbox's id, and that of its only container.
    let sandbox: String
}
