internal import LinuxIO

/// The data about a pod during its life: its timeline, and failures that do not change its result.
///
/// Concurrency: the tasks of one pod share it; its lock guards all state.
final class PodProgress: Sendable {
    private struct State {
        var timeline = PodTimeline()
        var phase: (Phase, start: Duration)?
        var teardownFailures: [PodFailure] = []
        var warnings: [PodFailure] = []
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

    /// Ends the phase before, whatever its result, and begins this phase.
    func enter(_ phase: Phase) {
        let now = ContinuousClock.now - start
        state.withLock { state in
            state.endPhase(now)
            state.phase = (phase, now)
        }
    }

    /// Ends the phase before and begins none: the time that follows does not belong to the pod.
    func pause() {
        let now = ContinuousClock.now - start
        state.withLock { $0.endPhase(now) }
    }

    /// Notes the pod's place in the network.
    func note(_ networkInfo: PodNetworkInfo) { state.withLock { $0.networkInfo = networkInfo } }

    /// Notes the report of the pod's network.
    func note(_ network: NetworkFinding) { state.withLock { $0.network = network } }

    /// Notes a failure that does not change the pod's result.
    func note(_ trouble: PodFailure) { state.withLock { $0.teardownFailures.append(trouble) } }

    /// Notes a failure that the shim only logs.
    func warn(_ trouble: PodFailure) { state.withLock { $0.warnings.append(trouble) } }

    /// Notes that the VM's kernel killed a process because memory ran out.
    func noteOutOfMemory() { state.withLock { $0.outOfMemoryKills += 1 } }

    /// Returns the outcome of the pod, and ends the last phase.
    func outcome(of pod: PodIdentity, _ result: PodOutcome.Result) -> PodOutcome {
        let now = ContinuousClock.now - start
        return state.withLock { state in
            state.endPhase(now)
            return PodOutcome(
                pod: pod.name, namespace: pod.namespace, sandbox: pod.sandbox, timeline: state.timeline,
                result: result, teardownFailures: state.teardownFailures, warnings: state.warnings,
                outOfMemoryKills: state.outOfMemoryKills,
                networkInfo: state.networkInfo,
                network: state.network)
        }
    }
}

/// A pod's names in Kubernetes and in containerd.
struct PodIdentity: Sendable {
    let name: String
    let namespace: String
    /// The id of the sandbox and of its only container.
    let sandbox: String
}
