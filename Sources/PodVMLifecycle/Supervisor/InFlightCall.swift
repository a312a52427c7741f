internal import LinuxIO

/// A CreateVM or StartVM in progress, which a StopVM can interrupt.
///
/// The work is a child of the caller's own task: a caller that hangs up cancels it.
final class InFlightCall: Sendable {
    /// Thrown by ``run(_:)`` when a stop came first.
    struct Interrupted: Error {}

    private let interruption = Event()

    /// Whether a stop has come.
    var isInterrupted: Bool { interruption.isSet }

    /// Makes ``run(_:)`` end; idempotent, and returns at once.
    func interrupt() { interruption.set() }

    /// Runs the work, and returns only once it has ended, also when it was interrupted.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                await self.interruption.wait()
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
                if isInterrupted { throw Interrupted() }
                // The caller's task is cancelled, which the work knows by itself.
            }
            throw Interrupted()
        }
    }
}

/// The end of a sandbox: tunnel, network, VM, directory.
final class Teardown: Sendable {
    /// Set when nothing of the tunnel is left; for a sandbox without a VM, when nothing at all is left or the first
    /// try at that has failed.
    let quickPart = Event()
    /// Set when nothing is left of the sandbox.
    let isDone = Event()
}
