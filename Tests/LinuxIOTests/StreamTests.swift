import TestSupport
import Testing

@testable import LinuxIO

@Suite("Streams")
struct StreamTests {
    @Test("a half-closed stream still carries the answer back")
    func halfClose() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            try await near.write([1, 2, 3])
            near.shutdownWriting()
            #expect(try await far.read(upTo: 10) == [1, 2, 3])
            #expect(try await far.read(upTo: 10) == [])
            try await far.write([4])
            #expect(try await near.read(upTo: 10) == [4])
        }
    }

    @Test("an end that arrives with the last bytes is reported")
    func endWithLastBytes() async throws {
        try await onLoop { loop in
            for _ in 0..<50 {
                let (near, far) = try Stream.pair(on: loop)
                async let bytes = withDeadline(.now + .seconds(120), on: loop) {
                    var all: [UInt8] = []
                    while case let chunk = try await near.read(upTo: 100), !chunk.isEmpty { all += chunk }
                    return all
                }
                await loop.yield()
                try await far.write([1, 2])
                far.close()
                #expect(try await bytes == [1, 2])
            }
        }
    }

    @Test("closing wakes the reader and the writer, and is final")
    func closing() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            await #expect(throws: StreamClosed.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await near.read(upTo: 1) }
                    await loop.yield()
                    near.close()
                    try await group.waitForAll()
                }
            }
            await #expect(throws: StreamClosed.self) { try await near.write([1]) }
            #expect(try await far.read(upTo: 1) == [])
            near.close()
        }
    }

    @Test("a write to a peer that has closed gives an error, not a signal")
    func brokenPipe() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            far.close()
            await #expect(throws: SystemCallError.self) { try await near.write([1]) }
        }
    }

    @Test("connects over TCP and Unix sockets, and reports why when it cannot")
    func connecting() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            for address in [SocketAddress.unix(path: "\(directory.path)/s"), .tcp(host: "127.0.0.1", port: 0)] {
                let listener = try Listener.listen(on: address, loop: loop)
                async let accepted = listener.accept()
                let client = try await Stream.connect(to: listener.address, on: loop)
                try await client.write([1])
                #expect(try await accepted.read(upTo: 1) == [1])
                listener.close()
                await #expect(throws: SystemCallError.self) {
                    _ = try await Stream.connect(to: listener.address, on: loop)
                }
            }
        }
    }

    @Test("ends a connection attempt without an answer at the deadline")
    func connectDeadline() async throws {
        try await onLoop { loop in
            // A full backlog of a listener that never accepts: the kernel drops what comes next.
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop, backlog: 0)
            var held: [Stream] = []
            await #expect(throws: DeadlineExceeded.self) {
                for _ in 0..<10 {
                    let deadline = ContinuousClock.now + .milliseconds(50)
                    held.append(try await Stream.connect(to: listener.address, on: loop, deadline: deadline))
                }
            }
            #expect(held.count < 10)
        }
    }

    @Test("replaces a stale socket file, refuses a socket in use, and does not change other files")
    func staleSocket() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let path = "\(directory.path)/s"
            let address = SocketAddress.unix(path: path)
            let live = try Listener.listen(on: address, loop: loop)
            #expect(Files.permissions(path) == 0o600)
            #expect(throws: SocketInUse(path: path)) { try Listener.listen(on: address, loop: loop) }
            // Stale: what a killed process leaves behind.
            try Files.move("\(directory.path)/s", to: "\(directory.path)/kept")
            live.close()
            try Files.move("\(directory.path)/kept", to: path)
            let next = try Listener.listen(on: address, loop: loop)
            next.close()
            #expect(!Files.exists(path))
            try DurableFile.write([1], to: path)
            #expect(throws: SystemCallError.self) { try Listener.listen(on: address, loop: loop) }
            #expect(try DurableFile.read(path, limit: 10) == [1])
        }
    }

    @Test("replaces a stale socket file so that its path always exists, and a crash before that is repaired")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/s"
        let watch = try RemovalWatch(directory.path)
        try await onLoop { loop in
            for _ in 0..<200 {
                let listener = try await Self.listen(atStale: path, on: loop)
                #expect(Files.permissions(path) == 0o600)
                listener.close(keepsFile: true)
            }
            // A rename over the path does not count: the path exists before, meanwhile and after.
            let removed = try watch.removedNames()
            #expect(!removed.isEmpty && !removed.contains("s"))
            // A process has ended after its bind: a socket file that no path of a listener names.
            try Files.move(path, to: "\(directory.path)/.new")
            #expect(try watch.removedNames() == ["s"])
            for _ in 0..<2 { try await Self.listen(atStale: path, on: loop).close(keepsFile: true) }
            #expect(try Files.list(directory.path) == ["s"])
        }
    }

    /// Listens where no process serves. Until a child that another test starts has executed its program, it has a copy of
    /// the earlier listener's descriptor, so that the socket answers.
    private static func listen(atStale path: String, on loop: EpollLoop) async throws -> Listener {
        while true {
            do {
                return try Listener.listen(on: .unix(path: path), loop: loop)
            } catch is SocketInUse {
                try await loop.sleep(for: .milliseconds(1))
            }
        }
    }

    @Test("of many listeners that find the same stale socket file at once, one serves and all others are refused")
    func staleRace() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/s"
        for _ in 0..<50 {
            // Bound and not served, as a killed process leaves it.
            try await onLoop { loop in
                let live = try Listener.listen(on: .unix(path: path), loop: loop)
                try Files.move(path, to: "\(path).kept")
                live.close()
                try Files.move("\(path).kept", to: path)
            }
            let count = 8
            let arrived = Lock((ready: 0, done: 0))
            let served = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<count {
                    group.addTask {
                        // Loops of their own threads, since all must run at the same time.
                        try await Thread.offLoop {
                            try EpollLoop.run { loop in
                                arrived.withLock { $0.ready += 1 }
                                // Waits without the processor: eight threads that spin keep each other from arriving.
                                while arrived.withLock({ $0.ready }) < count { Thread.pause(milliseconds: 0) }
                                let listener = try? Listener.listen(on: .unix(path: path), loop: loop)
                                arrived.withLock { $0.done += 1 }
                                // Each stays until all have tried.
                                while arrived.withLock({ $0.done }) < count { Thread.pause(milliseconds: 1) }
                                defer { listener?.close() }
                                return listener != nil
                            }
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(served == 1)
        }
    }

    @Test("parses addresses in their usual notation", arguments: ["0.0.0.0:15150", "[::1]:80", "127.0.0.1:1"])
    func addresses(text: String) throws { #expect(try SocketAddress(parsing: text).description == text) }

    @Test("refuses what is not an address", arguments: ["", "here:80", "1.2.3.4", "1.2.3.4:99999", "1.2.3:80", "::1"])
    func noAddress(text: String) { #expect(throws: AddressError.self) { try SocketAddress(parsing: text) } }

    @Test(
        "parses an address to listen on as Go does: the host may be a name, and IPv4 is first",
        arguments: [
            ("localhost:15151", "127.0.0.1:15151"), ("0.0.0.0:15150", "0.0.0.0:15150"), ("[::1]:80", "[::1]:80"),
            ("10.0.0.4:1", "10.0.0.4:1"), ("[fd00::1]:80", "[fd00::1]:80"),
        ])
    func listening(text: String, meaning: String) throws {
        #expect(try SocketAddress(listening: text).description == meaning)
    }

    @Test(
        "refuses an address on which it cannot listen",
        arguments: [
            "", "here", "localhost", "localhost:", "localhost:x", "localhost:99999", "no host:1", "host\u{0}:1",
            "unknown.invalid:1", "1.2.3:80", "[localhost]:1",
        ])
    func notListening(text: String) {
        #expect(throws: AddressError.self) { try SocketAddress(listening: text) }
    }

    @Test("listens on every address of both families when no host is given")
    func everywhere() async throws {
        try await onLoop { loop in
            let listener = try Listener.listen(on: SocketAddress(listening: ":0"), loop: loop)
            guard case .tcp(let host, let port) = listener.address else { throw CancellationError() }
            _ = try await Stream.connect(to: .tcp(host: "127.0.0.1", port: port), on: loop)
            if (try? Listener.listen(on: .tcp(host: "::1", port: 0), loop: loop)) != nil {
                #expect(host == "::")
                _ = try await Stream.connect(to: .tcp(host: "::1", port: port), on: loop)
            }
        }
    }

    @Test("refuses a socket path that is too long for the kernel")
    func longPath() async throws {
        try await onLoop { loop in
            let address = SocketAddress.unix(path: "/tmp/" + String(repeating: "x", count: 110))
            #expect(throws: SystemCallError.self) { try Listener.listen(on: address, loop: loop) }
        }
    }

    @Test("no descriptor is left after errors and cancellations")
    func noLeaks() async throws {
        let directory = try TemporaryDirectory()
        // Whatever the runtime opens at its first use is not ours to count.
        try await onLoop { loop in _ = try Stream.pair(on: loop) }
        let before = SystemInfo.openDescriptors
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: "\(directory.path)/s"), loop: loop)
            for round in 0..<Self.rounds {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await listener.accept().read(upTo: 1) }
                    group.addTask { _ = try? await Stream.connect(to: listener.address, on: loop).read(upTo: 1) }
                    for _ in 0..<round % 5 { await loop.yield() }
                    group.cancelAll()
                }
                _ = try? await Stream.connect(to: .tcp(host: "127.0.0.1", port: 1), on: loop)
                var options = ChildProcess.Options(executable: "/nowhere")
                options.output = .pipe
                _ = try? ChildProcess.start(options, on: loop)
            }
        }
        // Other suites open and close descriptors at the same time. A leak here leaves at least one descriptor of each round.
        #expect(await settles { SystemInfo.openDescriptors < before + Self.rounds / 2 })
    }

    private static let rounds = 200

    private func settles(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<3000 {
            if condition() { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
