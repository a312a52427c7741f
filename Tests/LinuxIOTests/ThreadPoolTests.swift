import LinuxIO
import Testing

@Suite("Threads for files")
struct ThreadPoolTests {
    @Test("do all of the work, with a limit of concurrent jobs, and throw the errors of the work")
    func limit() async throws {
        let pool = ThreadPool(limit: 3)
        let running = Lock((now: 0, most: 0))
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                group.addTask {
                    await pool.run {
                        running.withLock { running in
                            running.now += 1
                            running.most = max(running.most, running.now)
                        }
                        Thread.pause(milliseconds: 1)
                        running.withLock { $0.now -= 1 }
                        return number
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sum == 4950)
        #expect(running.withLock { $0.most } <= 3)
        #expect(running.withLock { $0.now } == 0)
        await #expect(throws: StreamClosed.self) {
            try await pool.run { () throws(StreamClosed) in throw StreamClosed() }
        }
    }

    @Test("do not block the loop that waits for them, and are not cancelled with its tasks")
    func offLoop() throws {
        let isDone = Lock(false)
        try EpollLoop.run { loop in
            let release = Event()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await ThreadPool.files.run {
                        while !release.isSet { Thread.pause(milliseconds: 1) }
                        isDone.withLock { $0 = true }
                    }
                }
                // The loop goes on meanwhile.
                try await loop.sleep(for: .milliseconds(5))
                group.cancelAll()
                release.set()
                try await group.waitForAll()
                #expect(isDone.withLock { $0 })
            }
        }
    }
}
