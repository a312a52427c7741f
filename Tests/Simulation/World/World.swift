internal import Glibc
internal import LinuxIO
internal import PodVMLifecycle

/// The surroundings of the simulated processes. The ports of all processes lead here.
///
/// Concurrency: everything runs on the thread that made the world. The lock is necessary only because the ports must be
/// sendable. No port is called, and no task is resumed, while the lock is held.
final class World: Sendable {
    private let thread = pthread_self()
    private let state: Lock<WorldState>

    init(seed: UInt64) { state = Lock(WorldState(seed: seed)) }

    /// Reads or changes the state. A caller on another thread breaks ``Invariant/noEscape``.
    func withState<Result>(_ body: (inout WorldState) -> Result) -> Result {
        let isHere = pthread_equal(pthread_self(), thread) != 0
        return state.withLock { state in
            if !isHere { state.check(.noEscape, false, "a port was called on another thread") }
            return body(&state)
        }
    }

    /// Suspends a call of a port until the schedule completes it. `body` carries the call out, once, when it ends.
    func perform<Value: Sendable>(
        of process: Int, _ readiness: Operation.Readiness = .always,
        _ body: @escaping (inout WorldState, Ending) -> Value
    ) async -> Value {
        let id = withState { $0.makeID() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let result: Value? = withState { state in
                    if state.isDead(process) { return body(&state, .dead) }
                    state.operations.append(
                        Operation(
                            id: id, process: process, readiness: readiness,
                            finish: { state, ending in
                                let value = body(&state, ending)
                                return { waiter.resume(returning: value) }
                            }, isCancelled: Task.isCancelled))
                    return nil
                }
                if let result { waiter.resume(returning: result) }
            }
        } onCancel: {
            withState { state in
                guard let index = state.operations.firstIndex(where: { $0.id == id }) else { return }
                state.operations[index].isCancelled = true
            }
        }
    }

    /// Waits for the lock on the pods directory; false if the process ends before it has the lock.
    func takeLock(of process: Int, _ readiness: Operation.Readiness) async -> Bool {
        await perform(of: process, readiness) { state, ending in
            guard ending == .completed else { return false }
            state.lockHolder = process
            state.processes[process] = .loading
            state.note(.lockTaken, process)
            return true
        }
    }

    /// Suspends a task until the virtual time has come; false if the task was cancelled, or the process crashed.
    func sleep(of process: Int, for duration: Duration) async -> Bool {
        let id = withState { $0.makeID() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = withState { state in
                    if state.isDead(process) || Task.isCancelled { return true }
                    let wake = { waiter.resume(returning: $0) }
                    state.sleepers.append(Sleeper(id: id, process: process, due: state.time + duration, wake: wake))
                    return false
                }
                if isOver { waiter.resume(returning: false) }
            }
        } onCancel: {
            let sleeper = withState { state in
                state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.wake(false)
        }
    }
}
