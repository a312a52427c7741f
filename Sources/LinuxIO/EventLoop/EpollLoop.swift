internal import CLinux
internal import Glibc

/// One thread that runs tasks and watches their descriptors.
///
/// A task that prefers this executor is resumed on the very thread that saw its
/// descriptor become ready:
///
///     let answer = try EpollLoop.run { loop in try await Daemon(on: loop).run() }
///
/// Concurrency: `state` is what other threads may touch, under its lock. Everything
/// that runs, runs on the thread inside ``run()``.
public final class EpollLoop: TaskExecutor, Sendable {
    struct State {
        var jobs: [UnownedJob] = []
        var watches: [UInt64: Watch] = [:]
        var nextTag: UInt64 = 1
        var timers = TimerQueue()
        var thread: pthread_t?
        var isStopped = false
        var hasEnded = false
    }

    let state = Lock(State())
    let epoll: OwnedFD
    private let wakeup: OwnedFD

    /// The tag that no watch has.
    private static let wakeupTag: UInt64 = 0
    /// How many rounds of jobs run before descriptors get a look again.
    private static let roundsBetweenPolls = 8
    /// After how long descriptors get a look again though fewer rounds have run: busy tasks that always have more to do
    /// must not keep the others' events waiting for all these rounds.
    private static let timeBetweenPolls = Duration.milliseconds(1)

    /// A loop that does not run yet.
    public init() throws(SystemCallError) {
        epoll = OwnedFD(owning: try systemCall("epoll_create1") { clinux_epoll_create() })
        wakeup = OwnedFD(owning: try systemCall("eventfd") { clinux_eventfd() })
        _ = try systemCall("epoll_ctl", on: "wake-up") {
            clinux_epoll_set(
                epoll.rawValue, clinux_add, wakeup.rawValue, clinux_readable | clinux_edge, EpollLoop.wakeupTag)
        }
    }

    /// Takes a job from the concurrency runtime; from any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let here = pthread_self()
        let fate: Fate = state.withLock { state in
            if state.hasEnded { return .elsewhere }
            defer { state.jobs.append(job) }
            // The loop's own thread looks at the queue before it sleeps; only others must wake it.
            return state.jobs.isEmpty && state.thread.map { pthread_equal($0, here) == 0 } ?? true ? .wake : .queued
        }
        switch fate {
        case .queued: break
        case .wake: wake()
        // What outlives the loop still has to come to its end somewhere.
        case .elsewhere: globalConcurrentExecutor.enqueue(job)
        }
    }

    private enum Fate { case queued, wake, elsewhere }

    /// Runs jobs and watches descriptors on the calling thread until ``stop()``.
    ///
    /// What waits for a descriptor or a moment when the loop stops is resumed with ``LoopStopped``.
    public func run() throws(SystemCallError) {
        state.withLock { $0.thread = pthread_self() }
        var events = [clinux_event](repeating: clinux_event(), count: 128)
        var running = true
        while running {
            let nextPoll = ContinuousClock.now.advanced(by: EpollLoop.timeBetweenPolls)
            for _ in 0..<EpollLoop.roundsBetweenPolls {
                let jobs = takeJobs()
                if jobs.isEmpty { break }
                for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
                if ContinuousClock.now >= nextPoll { break }
            }
            let (isStopped, timeout) = state.withLock { state in
                (state.isStopped, state.jobs.isEmpty ? state.timers.nanosecondsToNext() : 0)
            }
            if isStopped {
                running = windDown()
                continue
            }
            let count = try systemCall("epoll_pwait2") {
                unsafe clinux_epoll_wait(epoll.rawValue, &events, CInt(events.count), timeout)
            }
            for index in 0..<Int(count) {
                dispatch(
                    events[index].tag, events[index].mask)
            }
            for timer in state.withLock({ $0.timers.takeDue() }) { timer.resume() }
        }
    }

    /// Makes ``run()`` fail what waits, finish the jobs at hand, and return.
    public func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    /// Lets everything else that is ready run first.
    public func yield() async { await Task.yield() }
}

extension EpollLoop {
    /// Makes a loop, runs `body` as a task on it on the calling thread, and returns its result.
    ///
    /// Every child task of `body` runs on the same thread, so a program that does nothing
    /// else has one thread. Rethrows what `body` threw; throws ``SystemCallError`` when the
    /// kernel gives no epoll instance.
    public static func run<Result: Sendable>(
        _ body: @escaping @Sendable (EpollLoop) async throws -> Result
    ) throws -> Result {
        let loop = try EpollLoop()
        let outcome = Lock<Swift.Result<Result, any Error>?>(nil)
        // The one task of a process that has no parent: everything else is its child.
        Task(executorPreference: loop) {
            let result: Swift.Result<Result, any Error>
            do { result = .success(try await body(loop)) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            loop.stop()
        }
        try loop.run()
        guard let result = outcome.withLock({ $0 }) else { throw LoopStopped() }
        return try result.get()
    }

    private func takeJobs() -> [UnownedJob] {
        state.withLock { state in
            if state.jobs.isEmpty { return [] }
            defer { state.jobs = [] }
            return state.jobs
        }
    }

    /// Fails everything parked; false once nothing is left to run here.
    private func windDown() -> Bool {
        let (watches, timers) = state.withLock { state in
            defer { state.watches = [:] }
            return (state.watches, state.timers.takeAll())
        }
        for watch in watches.values { watch.fail(LoopStopped()) }
        for timer in timers { timer.resume(throwing: LoopStopped()) }
        return state.withLock { state in
            state.hasEnded = state.jobs.isEmpty
            return !state.hasEnded
        }
    }

    private func dispatch(_ tag: UInt64, _ mask: UInt32) {
        if tag == EpollLoop.wakeupTag {
            // Edge-triggered, so the counter need not be read; it cannot fill up in 2^64 wake-ups.
            return
        }
        guard let watch = state.withLock({ $0.watches[tag] }) else { return }  // Closed since the kernel saw it.
        watch.settle(
            reading: mask & (clinux_readable | clinux_broken) != 0,
            writing: mask & (clinux_writable | clinux_broken) != 0,
            hungUp: mask & clinux_hung_up != 0)
    }

    /// Makes a loop that sleeps on another thread look at its timers again.
    func noticeTimer() {
        let here = pthread_self()
        let isElsewhere = state.withLock { state in state.thread.map { pthread_equal($0, here) == 0 } ?? true }
        if isElsewhere { wake() }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = unsafe write(wakeup.rawValue, &one, MemoryLayout<UInt64>.size)
    }
}

/// The loop that was to resume a task has stopped.
public struct LoopStopped: Error, Sendable {}
