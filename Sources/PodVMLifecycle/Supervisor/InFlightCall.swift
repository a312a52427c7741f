internal import LinuxIO

/// A CreateVM or StartVM in progress, which a StopVM can interrupt.
///
/// The work is a child of the caller's own task: a caller that closes its connection cancels the work.
final class InFlightCall: Sendable {
    /// ``run(_:)`` throws this error when a stop came first.
    struct Interrupted: Error {}

    private let interruption = Event()

    /// Whether a stop has come.
    var isInterrupted: Bool { interruption.isSet }

    /// Makes ``run(_:)`` end. Idempotent; returns immediately.
    func interrupt() { interruption.set() }

    /// Runs the work, and returns only after the work has ended, also when it was interrupted.
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
                // The caller's task is cancelled, and the work is cancelled with it.
            }
            throw Interrupted()
        }
    }
}

/// The teardown of a sandbox: tunnel, network, VM, directory.
final class Teardown: Sendable {
    /// Set when the tunnel is removed. For a sandbox without a VM: set when everything is removed, or the first try to
    /// remove everything has failed.
    let quickPart = Event()
    /// Set when everything of the sandbox is removed.
    let isDone = Event()
}
