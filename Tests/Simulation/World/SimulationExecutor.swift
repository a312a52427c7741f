internal import Glibc
internal import LinuxIO

/// The thread of one simulated process: it runs one job at a time, and the schedule says which.
///
/// Concurrency: all jobs run on the thread that made the executor. A job that comes from another thread shows that a task
/// of the process has escaped to Swift's own pool, and is counted.
final class SimulationExecutor: TaskExecutor, Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var escapes = 0
    }

    private let state = Lock(State())
    private let thread = pthread_self()

    /// The number of jobs that are ready.
    var ready: Int { state.withLock { $0.jobs.count } }
    /// The number of jobs that came from another thread.
    var escapes: Int { state.withLock { $0.escapes } }
    /// Whether the caller is on the executor's thread.
    var isOnThread: Bool { pthread_equal(pthread_self(), thread) != 0 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isHere = isOnThread
        state.withLock { state in
            state.jobs.append(job)
            if !isHere { state.escapes += 1 }
        }
    }

    /// Runs one of the ready jobs.
    func run(at index: Int) {
        let job = state.withLock { state in
            state.jobs.swapAt(index, state.jobs.count - 1)
            return state.jobs.removeLast()
        }
        // The runtime passes each job once, and `removeLast` keeps it from running twice.
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
}
