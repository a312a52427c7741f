/// A part of a pod's life as the shim sees it, in the order in which they come.
enum Phase: String, CaseIterable, Sendable {
    /// Making the pod's network namespace, which with Kubernetes is the CNI plugin's part.
    case network
    /// CreateVM: everything that needs no cloud.
    case create
    /// StartVM: from the request to the cloud until the agent has answered through the tunnel.
    case start
    /// From dialing the agent until the command runs.
    case agent
    /// The command itself, until its output is read to the end.
    case run
    /// From taking the container down until StopVM has answered.
    case stop
}

/// When each phase of one pod began and how long it took.
struct PodTimeline: Equatable, Sendable {
    /// One phase, relative to the start of its pod.
    struct Entry: Equatable, Sendable {
        let phase: Phase
        let start: Duration
        let length: Duration
    }

    /// What has been measured, in order; a phase that was not reached has no entry.
    private(set) var entries: [Entry] = []

    /// From the pod's beginning to the end of its last phase.
    var total: Duration { entries.map { $0.start + $0.length }.max() ?? .zero }

    /// Adds a phase that has ended; of two pieces of one phase, one after the other, makes one.
    mutating func add(_ phase: Phase, from start: Duration, to end: Duration) {
        // Taking the container down and StopVM are both the stop phase.
        let begin = entries.last?.phase == phase ? entries.removeLast().start : start
        entries.append(Entry(phase: phase, start: begin, length: end - begin))
    }

    /// How long the phase took; nil when it was not reached.
    func length(of phase: Phase) -> Duration? { entries.first { $0.phase == phase }?.length }
}
