internal import LinuxIO

/// Forwards Ctrl-C to one pod.
///
/// Concurrency: the signal handler calls ``interrupt(_:)``, the pod's own task calls the other methods. They share
/// `commandSignals`, under its lock.
final class PodControl: Sendable {
    /// Set when the pod has to end, at any step.
    let stop = Event()
    private let commandSignals = Lock<AsyncStream<CInt>.Continuation?>(nil)

    /// Forwards a signal to the command; ends the pod if no command runs.
    func interrupt(_ number: CInt) {
        if let signals = commandSignals.withLock({ $0 }) { signals.yield(number) } else { stop.set() }
    }

    /// The signals for the command, from the call until the stream's reader ends.
    func signalsForCommand() -> AsyncStream<CInt> {
        let (stream, continuation) = AsyncStream<CInt>.makeStream()
        commandSignals.withLock { $0 = continuation }
        return stream
    }

    /// Notes that the command has ended: later interrupts end the pod.
    func commandHasEnded() { commandSignals.withLock { $0 = nil } }
}

/// The effect of Ctrl-C on a run: the first is forwarded to the commands, the second ends the pods.
///
/// Concurrency: the signal handler and the pods' tasks share `state`, under its lock.
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

    /// Removes the pod with that number.
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
