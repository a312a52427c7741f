import TestSupport
import Testing

@testable import LinuxIO

@Suite("Epoll loop")
struct EpollLoopTests {
    @Test("resumes a reader when its byte arrives")
    func resumes() async throws {
        let byte = try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            async let read = near.read(upTo: 10)
            await loop.yield()
            try await far.write([42])
            return try await read
        }
        #expect(byte == [42])
    }

    @Test("lets one task read while another waits to write")
    func bothWays() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let flood = [UInt8](repeating: 7, count: 1 << 20)
            async let written: Void = near.write(flood)
            async let answer = near.read(upTo: 1)
            try await far.write([1])
            #expect(try await answer == [1])
            var received = 0
            while received < flood.count { received += try await far.read(upTo: 65536).count }
            try await written
        }
    }

    @Test("ends a cancelled wait with CancellationError", arguments: [0, 1, 2, 5])
    func cancelled(yields: Int) async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await near.wait(for: .reading) }
                    for _ in 0..<yields { await loop.yield() }
                    group.cancelAll()
                    try await group.next()
                }
            }
            // The stream is none the worse for it.
            try await far.write([5])
            #expect(try await near.read(upTo: 1) == [5])
        }
    }

    @Test("ends waiting tasks with an error when it stops, and later ones too")
    func stopped() async throws {
        let loop = try EpollLoop()
        let (near, _) = try Stream.pair(on: loop)
        let reader = Task(executorPreference: loop) { try await near.wait(for: .reading) }
        let sleeper = Task(executorPreference: loop) { try await loop.sleep(for: .seconds(3600)) }
        let stopper = Task(executorPreference: loop) { loop.stop() }
        try loop.run()
        await stopper.value
        await #expect(throws: LoopStopped.self) { try await reader.value }
        await #expect(throws: LoopStopped.self) { try await sleeper.value }
        await #expect(throws: LoopStopped.self) { try await loop.sleep(for: .seconds(1)) }
    }

    @Test("a job from another thread wakes a sleeping loop")
    func wakes() async throws {
        // Not on the runtime's own threads, which are few: loops of other tests may hold them all.
        let answer = try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let isWritten = Event()
            async let read = near.read(upTo: 10)
            async let written: Void = isWritten.wait()
            try await Thread.offLoop { isWritten.set() }
            await written
            try await far.write([9])
            return try await read
        }
        #expect(answer == [9])
    }

    @Test("may end at once after another thread has resumed its last task")
    func endsWhileResumed() async throws {
        // ThreadSanitizer reports a thread that still uses the loop. The loop does not sleep, so it ends as early as possible.
        try await Thread.offLoop {
            for number in 0..<500 {
                let answer = try EpollLoop.run { loop in
                    let isOver = Lock(false)
                    async let busy: Void = { while !isOver.withLock({ $0 }) { await loop.yield() } }()
                    let answer = await ThreadPool.files.run { number }
                    isOver.withLock { $0 = true }
                    await busy
                    return answer
                }
                #expect(answer == number)
            }
        }
    }

    @Test("wakes timers in the order of their times, and never wakes cancelled timers")
    func timers() async throws {
        let order = try await onLoop { loop in
            let log = Lock<[Int]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for delay in [30, 10, 20] {
                    group.addTask {
                        try await loop.sleep(for: .milliseconds(delay))
                        log.withLock { $0.append(delay) }
                    }
                }
                try await group.waitForAll()
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    do { try await loop.sleep(for: .seconds(3600)) } catch { log.withLock { $0.append(-1) } }
                }
                await loop.yield()
                group.cancelAll()
            }
            return log.withLock { $0 }
        }
        #expect(order == [10, 20, 30, -1])
    }

    @Test("forgets a thousand cancelled timers before their time")
    func timerLeftovers() async throws {
        try await onLoop { loop in
            for _ in 0..<1000 {
                _ = try await withDeadline(.now + .seconds(3600), on: loop) { 1 }
            }
            #expect(loop.state.withLock { $0.timers.size } <= 130)
        }
    }

    @Test("does not wait for a timer that is late", arguments: [1, 30, 999, 1000, 1500, 90_000_000])
    func lateTimer(milliseconds: Int) async throws {
        try await Waiter.suspend { waiter in
            var timers = TimerQueue()
            timers.insert(waiter, id: 1, due: .now - .milliseconds(milliseconds))
            #expect(timers.nanosecondsToNext() == 0)
            for due in timers.takeDue() { due.resume() }
        }
    }

    @Test("a deadline cancels the work and waits for it")
    func deadline() async throws {
        try await onLoop { loop in
            let ended = Event()
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.now + .milliseconds(5), on: loop) {
                    defer { ended.set() }
                    try await loop.sleep(for: .seconds(3600))
                }
            }
            #expect(ended.isSet)
            let seven = try await withDeadline(nil, on: loop) { 7 }
            #expect(seven == 7)
        }
    }

    @Test("the error of a system call names the call and its object")
    func systemCallError() {
        #expect(throws: FileError.refused(SystemCallError(call: "open", errno: 2, subject: "/nowhere"))) {
            try DurableFile.read("/nowhere", limit: 1)
        }
    }
}
