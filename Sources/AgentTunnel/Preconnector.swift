internal import LinuxIO

/// Connects to the VM's forwarder before clients need the connections.
///
/// The first connection is made when the pod starts, because kata's shim connects next. Later, if a client connects
/// soon after another, further clients are likely, and connections for them are made in advance. Their number follows
/// the clients: it doubles, up to a limit, when a client finds none ready, and decreases by one for each connection that
/// no client takes in time. So idle pods have no connection. If the VM breaks a ready connection, or a connection fails,
/// the number starts again at one, so a hostile VM causes at most one further connection for each client.
final class Preconnector: Sendable {
    private final class Connection: Sendable {
        let stream: any ByteStream
        let taken = Event()

        init(_ stream: any ByteStream) { self.stream = stream }
    }

    private typealias Client = CheckedContinuation<(any ByteStream)?, Never>

    private struct State {
        /// The connections that wait for clients, oldest first.
        var ready: [Connection] = []
        /// The number of connections that are being made.
        var dialing = 0
        /// The clients that wait for these, in the order of their arrival.
        var clients: [Client] = []
        /// The number of connections to keep ready while clients come soon after each other.
        var goal = 0
        /// The time at which the last client connected.
        var lastClient: ContinuousClock.Instant?
        var isClosed = false
    }

    /// The limit of ready connections. A connection costs each end about 40 KiB.
    static let limit = 8
    /// The limit of simultaneous handshakes. With two, the node's part of one overlaps with the VM's part of the other;
    /// more of them only delay the clients' own bytes.
    private static let handshakes = 2

    private let state: Lock<State>
    private let handshakes = AsyncSemaphore(Preconnector.handshakes)
    private let idleTimeout: Duration
    private let loop: EpollLoop
    private let start: @Sendable (@escaping @Sendable () async -> Void) -> Void
    private let dial: @Sendable () async throws -> any ByteStream

    /// `first` is the connection for the first client; later ones are closed after `idleTimeout` without a client.
    ///
    /// `start` runs a task in which `dial` makes a connection.
    init(
        first: (any ByteStream)?, idleTimeout: Duration, on loop: EpollLoop,
        start: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Void,
        dial: @escaping @Sendable () async throws -> any ByteStream
    ) {
        state = Lock(State(ready: first.map { [Connection($0)] } ?? []))
        self.idleTimeout = idleTimeout
        self.loop = loop
        self.start = start
        self.dial = dial
    }

    /// The number of connections that wait for clients.
    var readyCount: Int { state.withLock { $0.ready.count } }

    /// A connection that is ready or being made; nil if the client has to make its own.
    func take() async -> (any ByteStream)? {
        let now = ContinuousClock.now
        let isFrequent = state.withLock { state in
            defer { state.lastClient = now }
            return state.lastClient.map { now - $0 < idleTimeout } ?? false
        }
        if let stream = takeReady() {
            if isFrequent { requestMissing() }
            return stream
        }
        let stream = await withCheckedContinuation { client in
            if !enqueue(client) { client.resume(returning: nil) }
            if isFrequent {
                state.withLock { $0.goal = min(max(1, $0.goal * 2), Preconnector.limit) }
                requestMissing()
            }
        }
        guard let stream else { return nil }
        return stream.isQuiet() ? stream : nil
    }

    /// Makes a connection, and keeps it until a client takes it.
    private func connect() async {
        let stream = try? await handshakes.withPermit { try await dial() }
        guard let connection = offer(stream) else { return }
        do {
            let deadline = ContinuousClock.now.advanced(by: idleTimeout)
            try await withDeadline(deadline, on: loop) { await connection.taken.wait() }
        } catch {
            expire(connection)
        }
    }

    /// The oldest ready connection that the VM has not broken.
    private func takeReady() -> (any ByteStream)? {
        while true {
            let oldest = state.withLock { $0.ready.isEmpty ? nil : $0.ready.removeFirst() }
            guard let oldest else { return nil }
            oldest.taken.set()
            if oldest.stream.isQuiet() { return oldest.stream }
            state.withLock { $0.goal = 0 }
        }
    }

    /// Lets a client wait for a connection that is being made; false if there is none for it.
    private func enqueue(_ client: Client) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.dialing > state.clients.count else { return false }
            state.clients.append(client)
            return true
        }
    }

    /// Requests the connections that are missing, in addition to those for which clients wait.
    private func requestMissing() {
        let missing = state.withLock { state in
            guard !state.isClosed else { return 0 }
            let spare = state.ready.count + state.dialing - state.clients.count
            let missing = max(0, state.goal - spare)
            state.dialing += missing
            return missing
        }
        for _ in 0..<missing { start { [self] in await connect() } }
    }

    /// Gives a new connection to the client that has waited for longest. Without one, keeps the connection for the next
    /// client, and returns it.
    private func offer(_ stream: (any ByteStream)?) -> Connection? {
        let (client, kept): (Client?, Connection?) = state.withLock { state in
            state.dialing -= 1
            if stream == nil { state.goal = 0 }
            if !state.clients.isEmpty { return (state.clients.removeFirst(), nil) }
            guard !state.isClosed, let stream else { return (nil, nil) }
            let kept = Connection(stream)
            state.ready.append(kept)
            return (nil, kept)
        }
        if let client { client.resume(returning: stream) } else if kept == nil { stream?.close() }
        return kept
    }

    /// Closes a connection that no client has taken in time.
    private func expire(_ connection: Connection) {
        let isUnused = state.withLock { state in
            guard let index = state.ready.firstIndex(where: { $0 === connection }) else { return false }
            state.ready.remove(at: index)
            state.goal = max(0, state.goal - 1)
            return true
        }
        if isUnused { connection.stream.close() }
    }

    /// Closes the connections that are ready, and makes no others.
    func close() {
        let (ready, clients) = state.withLock { state in
            defer { (state.ready, state.clients, state.isClosed) = ([], [], true) }
            return (state.ready, state.clients)
        }
        for connection in ready { connection.stream.close() }
        for client in clients { client.resume(returning: nil) }
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
