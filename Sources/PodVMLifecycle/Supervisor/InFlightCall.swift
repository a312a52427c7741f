internal import LinuxIO

/// A CreateVM or StartVM in progress, for which any number of callers wait.
///
/// The work is a task of the supervisor, not of a caller: a caller that closes its connection ends only its own wait. The
/// work is cancelled when its last caller has gone, when a stop comes, or when the process ends.
final class InFlightCall: Sendable {
    /// ``run(_:)`` throws this error when the call was ended first.
    struct Interrupted: Error {}

    enum Kind {
        case create
        case start
    }

    /// Why a call was ended before its work was done.
    enum Ending {
        /// StopVM came, or the process ends.
        case stopped
        /// The last caller has gone.
        case abandoned
        /// The process ends, and a later process continues the call from its record. The callers get no answer here.
        case suspended
    }

    private struct State {
        var callers = 1
        var ending: Ending?
        var outcome: Result<Void, LifecycleError>?
    }

    let kind: Kind
    private let state = Lock(State())
    private let interruption = Event()
    private let end = Event()

    /// A call with one caller.
    init(_ kind: Kind) { self.kind = kind }

    /// Why the call was ended, if it was.
    var ending: Ending? { state.withLock { $0.ending } }

    /// The number of callers that wait.
    var callers: Int { state.withLock { $0.callers } }

    /// Adds a caller. Returns false when the call was ended, because it is being undone then.
    func join() -> Bool {
        state.withLock { state in
            guard state.ending == nil else { return false }
            state.callers += 1
            return true
        }
    }

    /// Makes ``run(_:)`` end. The first reason counts. Returns immediately.
    func interrupt(_ reason: Ending) {
        state.withLock { $0.ending = $0.ending ?? reason }
        interruption.set()
    }

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
                if self.interruption.isSet { throw Interrupted() }
                // The supervisor's task is cancelled, and the work is cancelled with it.
            }
            throw Interrupted()
        }
    }

    /// Answers all callers. The first outcome counts.
    func finish(_ outcome: Result<Void, LifecycleError>) {
        state.withLock { $0.outcome = $0.outcome ?? outcome }
        end.set()
    }

    /// Waits for the outcome, as one of the callers.
    ///
    /// A caller that is cancelled leaves the call. The last one ends the call, and waits until its work is undone or its
    /// undoing is on record.
    func result() async throws(LifecycleError) {
        await end.wait()
        if end.isSet { return try outcome() }
        let isUndone = state.withLock { state in
            state.callers -= 1
            guard state.callers == 0 else { return false }
            state.ending = state.ending ?? .abandoned
            return state.ending != .suspended
        }
        guard isUndone else {
            throw LifecycleError(
                .cancelled, "The caller hung up or its deadline passed; the call goes on for its other callers.")
        }
        interruption.set()
        await end.waitIgnoringCancellation()
        try outcome()
    }

    private func outcome() throws(LifecycleError) {
        if let outcome = state.withLock({ $0.outcome }) { try outcome.get() }
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
