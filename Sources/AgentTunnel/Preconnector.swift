internal import LinuxIO

/// Connects to the VM's forwarder before a client needs the connection.
///
/// The first connection is made when the pod starts, because kata's shim connects next. Later, if a client connects
/// soon after another, a third client is likely. The next connection is then made in advance, so the third client does
/// not wait for a handshake. A connection that no client takes in time is closed, so idle pods have no connection.
final class Preconnector: Sendable {
    private struct Connection {
        let stream: any ByteStream
        let taken = Event()
    }

    private enum Next {
        case none
        /// A connection is being made, for the waiting client or for the next client.
        case dialing(client: CheckedContinuation<(any ByteStream)?, Never>?)
        case ready(Connection)
        case closed
    }

    private struct State {
        var next: Next
        /// The time at which the last client connected.
        var lastClient: ContinuousClock.Instant?
    }

    private let state: Lock<State>
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation
    private let idleTimeout: Duration

    /// `first` is the connection for the first client; later ones are closed after `idleTimeout` without a client.
    init(first: (any ByteStream)?, idleTimeout: Duration) {
        state = Lock(State(next: first.map { .ready(Connection(stream: $0)) } ?? .none))
        (requests, request) = AsyncStream.makeStream()
        self.idleTimeout = idleTimeout
    }

    /// The connection that is ready or being made; nil if the client has to make its own.
    func take() async -> (any ByteStream)? {
        let stream = await withCheckedContinuation { client in
            let found: (any ByteStream)?? = state.withLock { state in
                switch state.next {
                case .ready(let connection):
                    state.next = .none
                    connection.taken.set()
                    return connection.stream
                case .dialing(client: nil):
                    state.next = .dialing(client: client)
                    return nil
                case .none, .dialing, .closed: return .some(nil)
                }
            }
            if let found { client.resume(returning: found) }
        }
        requestNext()
        guard let stream, stream.isQuiet() else { return nil }
        return stream
    }

    /// Makes connections with `dial` when a client is likely to take them, until cancelled.
    func run(on loop: EpollLoop, _ dial: @Sendable () async throws -> any ByteStream) async {
        for await _ in requests {
            let stream = try? await dial()
            guard let connection = offer(stream) else { continue }
            do {
                try await withDeadline(.now.advanced(by: idleTimeout), on: loop) { await connection.taken.wait() }
            } catch {
                closeReady()
            }
        }
        close()
    }

    /// Requests the next connection, if this client came soon after another.
    private func requestNext() {
        let now = ContinuousClock.now
        let isLikely = state.withLock { state in
            defer { state.lastClient = now }
            guard let last = state.lastClient, now - last < idleTimeout, case .none = state.next else { return false }
            state.next = .dialing(client: nil)
            return true
        }
        if isLikely { request.yield() }
    }

    /// Gives a new connection to the client that waits for it; without one, keeps the connection for the next client,
    /// and returns it.
    private func offer(_ stream: (any ByteStream)?) -> Connection? {
        let (client, kept): (CheckedContinuation<(any ByteStream)?, Never>?, Connection?) = state.withLock { state in
            guard case .dialing(let client) = state.next else { return (nil, nil) }
            let kept = client == nil ? stream.map { Connection(stream: $0) } : nil
            state.next = kept.map { .ready($0) } ?? .none
            return (client, kept)
        }
        if let client { client.resume(returning: stream) } else if kept == nil { stream?.close() }
        return kept
    }

    private func closeReady() {
        let connection: Connection? = state.withLock { state in
            guard case .ready(let connection) = state.next else { return nil }
            state.next = .none
            return connection
        }
        connection?.stream.close()
    }

    /// Closes the connection that is ready; no more are made.
    func close() {
        request.finish()
        let last = state.withLock { state in
            defer { state.next = .closed }
            return state.next
        }
        switch last {
        case .ready(let connection): connection.stream.close()
        case .dialing(let client): client?.resume(returning: nil)
        case .none, .closed: break
        }
    }
}

extension ByteStream {
    /// Whether nothing has arrived, not even an end; otherwise the stream is closed.
    fileprivate func isQuiet() -> Bool {
        var byte: UInt8 = 0
        do {
            if try unsafe withUnsafeMutableBytes(of: &byte, { unsafe try tryRead(into: $0) }) == nil { return true }
        } catch {}
        close()
        return false
    }
}
