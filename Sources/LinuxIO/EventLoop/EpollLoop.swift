internal import CLinux
internal import Glibc

/// One thread that runs tasks and watches their descriptors.
///
/// A task that prefers this executor is resumed on the thread that received the event of its descriptor:
///
///     let answer = try EpollLoop.run { loop in try await Daemon(on: loop).run() }
///
/// Concurrency: other threads access only `state`, under its lock. All jobs run on the thread that is inside ``run()``.
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

    /// The tag of the wake-up descriptor. No watch has this tag.
    private static let wakeupTag: UInt64 = 0
    /// The number of rounds of jobs that run before the loop polls the descriptors again.
    private static let roundsBetweenPolls = 8
    /// The time after which the loop polls the descriptors again even if fewer rounds have run. Otherwise the events of
    /// other tasks would wait for all rounds of busy tasks that always have more work.
    private static let timeBetweenPolls = Duration.milliseconds(1)

    /// Makes a loop that does not run yet.
    public init() throws(SystemCallError) {
        epoll = OwnedFD(owning: try systemCall("epoll_create1") { clinux_epoll_create() })
        wakeup = OwnedFD(owning: try systemCall("eventfd") { clinux_eventfd() })
        _ = try systemCall("epoll_ctl", on: "wake-up") {
            clinux_epoll_set(
                epoll.rawValue, clinux_add, wakeup.rawValue, clinux_readable | clinux_edge, EpollLoop.wakeupTag)
        }
    }

    /// Accepts a job from the concurrency runtime. Any thread may call this.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let here = pthread_self()
        let isAccepted = state.withLock { state in
            if state.hasEnded { return false }
            // The loop's own thread reads the queue before it sleeps. Only other threads must wake the loop. They do it
            // under the lock: once the loop can run the job, the loop may end, and its descriptors are closed.
            if state.jobs.isEmpty, state.thread.map({ pthread_equal($0, here) == 0 }) ?? true { wake() }
            state.jobs.append(job)
            return true
        }
        // Tasks that outlive the loop must still run to their end.
        if !isAccepted { globalConcurrentExecutor.enqueue(job) }
    }

    /// Runs jobs and watches descriptors on the calling thread until ``stop()``.
    ///
    /// When the loop stops, it resumes each task that waits for a descriptor or a timer with ``LoopStopped``.
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
            for timer in state.withLock({ $0.timers.takeDue() }) { timer.fire() }
        }
    }

    /// Makes ``run()`` fail all waiting tasks, finish the queued jobs, and return.
    public func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    /// Runs all other ready tasks first.
    public func yield() async { await Task.yield() }
}

extension EpollLoop {
    /// Makes a loop, runs `body` as a task on it on the calling thread, and returns its result.
    ///
    /// Every child task of `body` runs on the same thread, so a program that uses only this function has one thread.
    /// Rethrows the error of `body`. Throws ``SystemCallError`` if the kernel cannot create an epoll instance.
    public static func run<Result: Sendable>(
        _ body: @escaping @Sendable (EpollLoop) async throws -> Result
    ) throws -> Result {
        let loop = try EpollLoop()
        let outcome = Lock<Swift.Result<Result, any Error>?>(nil)
        // This is the only task of a process that has no parent. All other tasks are its children.
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

    /// Fails all suspended tasks. Returns false when no job is left.
    private func windDown() -> Bool {
        let (watches, timers) = state.withLock { state in
            defer { state.watches = [:] }
            return (state.watches, state.timers.takeAll())
        }
        for watch in watches.values { watch.fail(LoopStopped()) }
        for timer in timers { timer.fail(LoopStopped()) }
        return state.withLock { state in
            state.hasEnded = state.jobs.isEmpty
            return !state.hasEnded
        }
    }

    private func dispatch(_ tag: UInt64, _ mask: UInt32) {
        if tag == EpollLoop.wakeupTag {
            // The watch is edge-triggered, so the counter need not be read. It cannot overflow in 2^64 wake-ups.
            return
        }
        guard let watch = state.withLock({ $0.watches[tag] }) else { return }  // The watch was closed meanwhile.
        watch.settle(
            reading: mask & (clinux_readable | clinux_broken) != 0,
            writing: mask & (clinux_writable | clinux_broken) != 0,
            hungUp: mask & clinux_hung_up != 0)
    }

    /// Makes a loop that sleeps on another thread read its timers again.
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

/// The loop that had to resume a task has stopped.
public struct LoopStopped: Error, Sendable {}
