import TestSupport
import Testing

@testable import LinuxIO

@Suite("AsyncSemaphore")
struct AsyncSemaphoreTests {
    @Test("admits as many tasks as it has places, then the others in their order, and forgets cancelled tasks")
    func order() async throws {
        let seen = try await onLoop { loop in
            let semaphore = AsyncSemaphore(1)
            let log = Lock<[Int]>([])
            let hold = Event()
            let cancelled = Event()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await semaphore.withPermit { await hold.wait() } }
                await loop.yield()
                for number in 1...3 {
                    group.addTask {
                        await withTaskGroup(of: Void.self) { inner in
                            inner.addTask { try? await semaphore.withPermit { log.withLock { $0.append(number) } } }
                            if number == 2 {
                                await loop.yield()
                                inner.cancelAll()
                                await inner.waitForAll()
                                cancelled.set()
                            }
                        }
                    }
                    await loop.yield()
                }
                await cancelled.wait()
                hold.set()
            }
            return log.withLock { $0 }
        }
        #expect(seen == [1, 3])
    }

    @Test("admits tasks that wait without cancellation in their order, also if they are cancelled before or meanwhile")
    func inAnyCase() async throws {
        let seen = try await onLoop { loop in
            let semaphore = AsyncSemaphore(1)
            let log = Lock<[Int]>([])
            let hold = Event()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await semaphore.withPermitIgnoringCancellation {
                        await Task(executorPreference: loop) { await hold.wait() }.value
                    }
                }
                await loop.yield()
                for number in 1...2 {
                    group.addTask {
                        await semaphore.withPermitIgnoringCancellation { log.withLock { $0.append(number) } }
                    }
                    while semaphore.waiting < number { await loop.yield() }
                }
                group.cancelAll()
                group.addTask { await semaphore.withPermitIgnoringCancellation { log.withLock { $0.append(3) } } }
                while semaphore.waiting < 3 { await loop.yield() }
                #expect(log.withLock { $0.isEmpty })
                hold.set()
            }
            return log.withLock { $0 }
        }
        #expect(seen == [1, 2, 3])
    }
}
