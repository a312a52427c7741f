internal import PeerPodProtocol

/// The life of one sandbox as phases, one after the other, from the steps of its record.
struct SandboxLife: Sendable {
    /// A part of the life between two steps.
    struct Phase: Equatable, Sendable {
        /// What was done, for people.
        let name: String
        /// From the first step.
        let start: Duration
        /// Up to the next phase, or to now.
        let length: Duration
        /// Whether the phase goes on.
        var isOpen = false
        /// The cloud's code, or its words, if the phase ended in a failure.
        var failure: String?
        /// Whether the phase belongs to the start of the pod.
        let isStart: Bool
    }

    /// The phases, the oldest first.
    let phases: [Phase]
    /// The time of the first step, in milliseconds since 1970.
    let begin: Int64

    /// Reads the steps. `now` is in milliseconds since 1970.
    init(_ history: SandboxHistoryStatus, now: Int64) {
        // A clock that was set back gives no negative times.
        var latest = Int64.min
        let steps = history.steps.map { step -> HistoryStep in
            latest = max(latest, min(max(step.time, 0), Self.latestTime))
            var step = step
            step.time = latest
            return step
        }
        begin = steps.first?.time ?? 0
        let starts = steps.indices.filter { Self.name(of: steps[$0]) != nil }
        var phases: [Phase] = []
        for (position, index) in starts.enumerated() {
            let isLast = position == starts.count - 1
            let next = isLast ? steps.count : starts[position + 1]
            let isOpen = isLast && !history.hasEnded
            let end = isLast ? (isOpen ? max(now, latest) : latest) : steps[next].time
            let failure = steps[index..<next].first { ["refused", "replaced"].contains($0.step) }
            phases.append(
                Phase(
                    name: Self.name(of: steps[index]) ?? "", start: .milliseconds(steps[index].time - begin),
                    length: .milliseconds(max(end - steps[index].time, 0)), isOpen: isOpen,
                    failure: failure.map { $0.code.isEmpty ? $0.detail : $0.code },
                    isStart: !["running", "failed", "deleting", "gone"].contains(steps[index].step)))
        }
        // A VM that was replaced after it had an address: the step lies at the end of its phase.
        self.phases = phases.filter { $0.isOpen || $0.length > .zero || $0.failure != nil }
    }

    /// The year 9999.
    private static let latestTime: Int64 = 253_402_300_799_000

    /// The length of the start: all phases before the agent answered.
    var startLength: Duration { phases.filter(\.isStart).map { $0.start + $0.length }.max() ?? .zero }

    /// The name of the phase that begins with a step; nil for a step within a phase.
    private static func name(of step: HistoryStep) -> String? {
        switch step.step {
        case "preparing": "CreateVM"
        case "prepared": "wait for StartVM"
        case "creating": "begin StartVM"
        case "trying": "create \(step.place)"
        case "booting": "boot and connect"
        case "running": "run"
        case "failed": "failed, wait for StopVM"
        case "deleting": "delete the VM"
        case "gone": "release the node's resources"
        default: nil
        }
    }
}
