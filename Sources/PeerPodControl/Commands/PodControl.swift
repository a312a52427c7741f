internal import LinuxIO

/// Passes Ctrl-C on to one pod.
///
/// Concurrency: the signal handler calls ``interrupt(_:)``, the pod's own task the rest;
/// `commandSignals` is theirs together, under its lock.
final class PodControl: Sendable {
    /// Set when the pod has to end, at any step.
    let stop = Event()
    private let commandSignals = Lock<AsyncStream<CInt>.Continuation?>(nil)

    /// Passes a signal on to the command; ends the pod if no command runs.
    func interrupt(_ number: CInt) {
        if let signals = commandSignals.withLock({ $0 }) { signals.yield(number) } else { stop.set() }
    }

    /// The signals for the command, from now until the stream's reader ends.
    func signalsForCommand() -> AsyncStream<CInt> {
        let (stream, continuation) = AsyncStream<CInt>.makeStream()
        commandSignals.withLock { $0 = continuation }
        return stream
    }

    /// From now on an interrupt ends the pod.
    func commandHasEnded() { commandSignals.withLock { $0 = nil } }
}

/// What Ctrl-C does to a run: the first goes to the commands, the second ends the pods.
///
/// Concurrency: `state` is shared by the signal handler and the pods' tasks, under its lock.
final class RunControl: Sendable {
    private struct State {
        var interrupts = 0
        var pods: [Int: PodControl] = [:]
    }

    private let state = Lock(State())

    /// Whether pods that have not started must not start.
    var isInterrupted: Bool { state.withLock { $0.interrupts > 0 } }

    /// Adds the pod with that number; nil when no more pods may start.
    func begin(_ number: Int) -> PodControl? {
        state.withLock { state in
            guard state.interrupts == 0 else { return nil }
            let pod = PodControl()
            state.pods[number] = pod
            return pod
        }
    }

    /// The pod with that number is gone.
    func end(_ number: Int) { state.withLock { $0.pods[number] = nil } }

    /// Handles SIGINT or SIGTERM.
    func interrupt(_ number: CInt) {
        let (isFirst, pods) = state.withLock { state in
            state.interrupts += 1
            return (state.interrupts == 1, Array(state.pods.values))
        }
        for pod in pods {
            if isFirst { pod.interrupt(number) } else { pod.stop.set() }
        }
    }
}
