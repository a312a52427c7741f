package import LinuxIO

/// What a double does when it is called, call by call; when the script is at its end, it does as asked.
package final class Script<Fault: Error>: Sendable {
    /// What one call does.
    package enum Line: Sendable {
        /// As asked.
        case work
        /// Throws without an effect.
        case fail(Fault)
        /// Has its effect and then throws, as when an answer is lost.
        case workAndFail(Fault)
        /// Waits, then does the work. When it is cancelled it throws without an effect.
        case wait(Event)
        /// Waits, whether it is cancelled or not, then does as asked.
        case waitStubbornly(Event)
    }

    private let lines: Lock<[Line]>
    private let cancelled: Fault

    package init(_ lines: [Line], whenCancelled fault: Fault) {
        self.lines = Lock(lines)
        cancelled = fault
    }

    /// Adds to the script's end.
    package func append(_ line: Line) { lines.withLock { $0.append(line) } }

    /// Plays one line around `work`.
    package func play<Value: Sendable>(_ work: () -> Value) async throws(Fault) -> Value {
        switch lines.withLock({ $0.isEmpty ? .work : $0.removeFirst() }) {
        case .work: return work()
        case .fail(let fault): throw fault
        case .workAndFail(let fault):
            _ = work()
            throw fault
        case .wait(let signal):
            await signal.wait()
            if !signal.isSet { throw cancelled }
            return work()
        case .waitStubbornly(let signal):
            await Task { await signal.wait() }.value
            return work()
        }
    }
}
