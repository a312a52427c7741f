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
            for number in 0..<100 {
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
            timers.insert(.task(waiter), id: 1, due: .now - .milliseconds(milliseconds))
            #expect(timers.nanosecondsToNext() == 0)
            for due in timers.takeDue() { due.fire() }
        }
    }

    @Test("makes calls at their times, and not those that were cancelled")
    func calls() async throws {
        try await onLoop { loop in
            let (made, last) = (Lock<[Int]>([]), Event())
            let now = ContinuousClock.now
            _ = loop.call(at: now + .milliseconds(20)) { last.set() }
            _ = loop.call(at: now + .milliseconds(10)) { made.withLock { $0.append(2) } }
            let cancelled = loop.call(at: now + .milliseconds(5)) { made.withLock { $0.append(1) } }
            _ = loop.call(at: now) { made.withLock { $0.append(0) } }
            loop.cancelCall(cancelled)
            await last.wait()
            #expect(made.withLock { $0 } == [0, 2])
        }
    }

    @Test("calls once when a stream can be written again, and not after its end or a cancellation")
    func writableCalls() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let (calls, called) = (Lock(0), Event())
            let block = [UInt8](repeating: 7, count: 64 << 10)
            let fill = { @Sendable in
                while try unsafe block.withUnsafeBytes({ unsafe try near.tryWrite($0) }) != nil {}
            }
            let empty = { @Sendable in
                var block = [UInt8](repeating: 0, count: 64 << 10)
                while try unsafe block.withUnsafeMutableBytes({ unsafe try far.tryRead(into: $0) }) != nil {}
            }
            try fill()
            // Forgotten, or replaced by the next one.
            near.callWhenWritable { Issue.record("was cancelled") }
            near.cancelCall()
            near.callWhenWritable { Issue.record("was replaced") }
            near.callWhenWritable {
                calls.withLock { $0 += 1 }
                called.set()
            }
            try empty()
            await called.wait()
            // The one call was the last.
            try fill()
            near.callWhenWritable { Issue.record("was closed") }
            near.close()
            while try await !far.read(upTo: 64 << 10).isEmpty {}
            #expect(calls.withLock { $0 } == 1)
        }
    }

    @Test("a listener returns when it is woken, also before it waits")
    func wakingListener() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let path = "\(directory.path)/socket"
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            listener.wake()
            #expect(try await listener.acceptOrWake() == nil)
            async let woken = listener.acceptOrWake()
            await loop.yield()
            listener.wake()
            #expect(try await woken == nil)
            async let client = Stream.connect(to: .unix(path: path), on: loop)
            _ = try await listener.accept()
            _ = try await client
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
