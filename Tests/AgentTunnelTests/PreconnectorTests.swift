import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("Connections that are made in advance")
struct PreconnectorTests {
    /// What the VM does with each new connection.
    enum Guest: Sendable, CaseIterable {
        case waits, closes, floods, refuses
    }

    @Test("clients in a tight loop find ready connections: the number doubles when one finds none, up to a limit")
    func tightLoop() async throws {
        try await with(.waits) { loop, spares, dialed in
            #expect(await spares.take() == nil)
            #expect(dialed.withLock { $0.count } == 0, "one client alone causes no connection")
            #expect(await spares.take() == nil)
            for (ready, next) in [(1, 2), (2, 4), (4, 8), (8, 8), (8, 8)] {
                try await eventually(on: loop) { spares.readyCount == ready }
                for _ in 0..<ready { #expect(await spares.take() != nil) }
                #expect(spares.readyCount == 0)
                #expect(await spares.take() != nil, "it waits for a connection that is being made")
                try await eventually(on: loop) { spares.readyCount == next }
            }
        }
    }

    @Test("connections that no client takes are closed, and the next clients cause only one connection")
    func idle() async throws {
        try await with(.waits, idleTimeout: .milliseconds(300)) { loop, spares, dialed in
            try await Self.fill(spares, on: loop)
            let unused = dialed.withLock { $0.suffix(2) }
            for far in unused { #expect(try await far.readToEnd() == []) }
            try await eventually(on: loop) { spares.readyCount == 0 }
            let before = dialed.withLock { $0.count }
            #expect(await spares.take() == nil)
            #expect(await spares.take() == nil)
            try await eventually(on: loop) { spares.readyCount == 1 }
            #expect(dialed.withLock { $0.count } == before + 1)
        }
    }

    @Test(
        "a VM that breaks ready connections gets at most one for each client, and no client gets a broken one",
        arguments: [Guest.closes, .floods, .refuses])
    func hostile(_ guest: Guest) async throws {
        try await with(guest) { _, spares, dialed in
            for _ in 0..<50 {
                #expect(await spares.take() == nil)
                await Task.yield()
            }
            #expect(dialed.withLock { $0.count } <= 50)
            #expect(spares.readyCount <= 1)
        }
    }

    @Test("a VM that breaks all ready connections at once causes one new connection")
    func massBreak() async throws {
        try await with(.waits) { loop, spares, dialed in
            try await Self.fill(spares, on: loop)
            let before = dialed.withLock { streams in
                for far in streams { far.close() }
                return streams.count
            }
            #expect(await spares.take() == nil)
            try await eventually(on: loop) { spares.readyCount == 1 }
            #expect(dialed.withLock { $0.count } == before + 1)
        }
    }

    @Test("when the tunnel closes, ready connections close, and a client that waits for one gets none")
    func close() async throws {
        try await onLoop { loop in
            let (pool, hasDialed) = (TaskPool(), Event())
            let spares = Preconnector(
                first: nil, idleTimeout: .seconds(60), on: loop, start: { pool.start($0) },
                dial: {
                    hasDialed.set()
                    try await loop.sleep(for: .seconds(60))
                    throw CancellationError()
                })
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                _ = await spares.take()
                _ = await spares.take()
                await hasDialed.wait()
                async let waiting = spares.take()
                await Task.yield()
                spares.close()
                group.cancelAll()
                #expect(await waiting == nil)
            }
            #expect(await spares.take() == nil)
        }
    }

    /// Lets clients come until two connections are ready.
    private static func fill(_ spares: Preconnector, on loop: EpollLoop) async throws {
        _ = await spares.take()
        _ = await spares.take()
        try await eventually(on: loop) { spares.readyCount == 1 }
        _ = await spares.take()
        // None is ready now, so this client doubles the number.
        _ = await spares.take()
        try await eventually(on: loop) { spares.readyCount == 2 }
    }

    /// Runs a preconnector before a VM that does `guest` with each connection; `dialed` are the VM's ends.
    private func with(
        _ guest: Guest, idleTimeout: Duration = .seconds(60),
        _ body:
            @escaping @Sendable (EpollLoop, _ spares: Preconnector, _ dialed: Lock<[Stream]>) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let dialed = Lock<[Stream]>([])
            let pool = TaskPool()
            let spares = Preconnector(
                first: nil, idleTimeout: idleTimeout, on: loop, start: { pool.start($0) },
                dial: {
                    let (near, far) = try Stream.pair(on: loop)
                    dialed.withLock { $0.append(far) }
                    switch guest {
                    case .waits: break
                    case .closes: far.close()
                    case .floods: try await far.write([UInt8](repeating: 7, count: 4096))
                    case .refuses: throw StreamClosed()
                    }
                    return near
                })
            try await alongside({ await pool.run() }) { try await body(loop, spares, dialed) }
        }
    }
}
