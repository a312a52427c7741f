/// The parts of a pod's life as the shim sees them, in order.
enum Phase: String, CaseIterable, Sendable {
    /// The creation of the pod's network namespace. In Kubernetes the CNI plugin does this.
    case network
    /// CreateVM: all work that needs no cloud.
    case create
    /// StartVM: from the request to the cloud until the agent has answered through the tunnel.
    case start
    /// From dialing the agent until the command runs.
    case agent
    /// The command itself, until its output is read to the end.
    case run
    /// From the removal of the container until StopVM has answered.
    case stop
}

/// The start and the duration of each phase of one pod.
struct PodTimeline: Equatable, Sendable {
    /// One phase, relative to the start of its pod.
    struct Entry: Equatable, Sendable {
        let phase: Phase
        let start: Duration
        let length: Duration
    }

    /// The measured phases, in order; a phase that was not reached has no entry.
    private(set) var entries: [Entry] = []

    /// From the pod's beginning to the end of its last phase.
    var total: Duration { entries.map { $0.start + $0.length }.max() ?? .zero }

    /// Adds a phase that has ended; merges two successive pieces of one phase.
    mutating func add(_ phase: Phase, from start: Duration, to end: Duration) {
        // The removal of the container and StopVM are both the stop phase.
        let begin = entries.last?.phase == phase ? entries.removeLast().start : start
        entries.append(Entry(phase: phase, start: begin, length: end - begin))
    }

    /// The duration of the phase; nil when it was not reached.
    func length(of phase: Phase) -> Duration? { entries.first { $0.phase == phase }?.length }
}
