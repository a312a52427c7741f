internal import LinuxIO

/// Connects to the agent for a connection of the node, once the node has sent bytes.
struct AgentDialer {
    /// The agent's end, and the bytes that the node has sent meanwhile.
    struct Answer: Sendable {
        let agent: Stream
        let held: [UInt8]
    }

    private let address: SocketAddress
    private let loop: EpollLoop
    private let patience: Duration

    /// The limit of the node's bytes to buffer until the agent answers. A few calls fit.
    private static let holdLimit = 64 << 10
    /// The pause between attempts. An agent is ready as soon as its socket exists.
    private static let pause = Duration.milliseconds(25)

    init(_ address: SocketAddress, on loop: EpollLoop, patience: Duration) {
        self.address = address
        self.loop = loop
        self.patience = patience
    }

    /// Waits for the node's first bytes, then connects to the agent.
    ///
    /// If the node closes the connection before the agent answers, the result is nil.
    /// - Throws: `SystemCallError` with the last error of the agent's socket, or the error of the node's stream.
    func answer(_ node: any ByteStream) async throws -> Answer? {
        let first = try await firstBytes(of: node)
        if first.isEmpty { return nil }
        // Usually the agent answers at once, and the node's connection need not be watched.
        if let agent = try? await Stream.connect(to: address, on: loop) { return Answer(agent: agent, held: first) }
        return try await persist(for: node, first)
    }

    /// The node's first bytes, in an array of exactly their size; empty when the node closes the connection.
    private func firstBytes(of node: any ByteStream) async throws -> [UInt8] {
        while true {
            if let bytes = try AgentDialer.whatIsThere(in: node) { return bytes }
            try await node.wait(for: .reading)
        }
    }

    private static func whatIsThere(in node: any ByteStream) throws -> [UInt8]? {
        let room = BufferPool.shared.borrow()
        let first = unsafe UnsafeMutableRawBufferPointer(rebasing: room.bytes.prefix(holdLimit))
        guard let count = try unsafe node.tryRead(into: first) else { return nil }
        return unsafe Array(first[..<count])
    }

    private func persist(for node: any ByteStream, _ first: [UInt8]) async throws -> Answer? {
        let held = Lock(first)
        let agent = try await withThrowingTaskGroup(of: Stream?.self) { group in
            group.addTask { try await connect() }
            group.addTask {
                try await takeIn(node, into: held)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let agent else { return nil }
        return Answer(agent: agent, held: held.withLock { $0 })
    }

    /// Retries until the agent answers or the timeout expires.
    ///
    /// - Throws: `SystemCallError` with the last error of the agent's socket.
    func connect() async throws -> Stream {
        let deadline = ContinuousClock.now.advanced(by: patience)
        while true {
            do {
                return try await Stream.connect(to: address, on: loop, deadline: deadline)
            } catch let error as SystemCallError {
                if ContinuousClock.now.advanced(by: AgentDialer.pause) >= deadline { throw error }
            }
            try await loop.sleep(for: AgentDialer.pause)
        }
    }

    /// Collects the bytes from the node; returns when the node closes the connection.
    private func takeIn(_ node: any ByteStream, into held: Lock<[UInt8]>) async throws {
        while true {
            let room = AgentDialer.holdLimit - held.withLock { $0.count }
            if room > 0 {
                let bytes = try await node.read(upTo: room)
                if bytes.isEmpty { return }
                held.withLock { $0 += bytes }
            } else {
                // The buffer is full, so a later close is not detected before the agent answers.
                try await loop.sleep(for: .seconds(3600))
            }
        }
    }
}
