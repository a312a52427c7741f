public import LinuxIO

/// A TLS connection over a socket. It is an encrypted ``ByteStream``.
///
/// Half-closing sends the alert `close_notify`. Only the peer's `close_notify` is an end of the stream; a connection
/// that ends without it fails with ``TLSError/Code/connectionLost``. ``close()`` sends no alert, because the
/// application's data may be incomplete.
///
/// Concurrency: one task may read while another task writes. OpenSSL does not allow simultaneous calls, so a lock
/// protects `state`. Tasks do not hold the lock while they wait.
public final class TLSStream: ByteStream {
    private struct State: ~Copyable {
        var session: TLSSession
        let transport: TLSTransport
        /// The number of plain bytes that are encrypted, but not completely sent. Their writer repeats the write.
        var unacknowledged: Int?
    }

    private let stream: Stream
    private let state: Lock<State>

    private init(over stream: Stream, _ state: consuming sending State) {
        self.stream = stream
        self.state = Lock(state)
    }

    /// The loop whose events resume waiting tasks.
    public var loop: EpollLoop { stream.loop }

    /// Makes `stream` the client's end of a TLS connection.
    ///
    /// The client sends `serverName`, and checks that the certificate has this name; with nil, it checks only the
    /// authority. `sessions` provides the session to resume, and stores new sessions. With `protocolName`, the client
    /// requests that application protocol. The server may not support it: see ``applicationProtocol``.
    /// - Throws: ``TLSError``, `SystemCallError`, `DeadlineExceeded`; `stream` is then closed.
    public static func connect(
        over stream: Stream, context: TLSContext, serverName: String?, sessions: TLSSessionCache = TLSSessionCache(),
        speaking protocolName: String? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws -> TLSStream {
        let transport = TLSTransport(stream)
        do {
            let session = try TLSSession.client(
                context, over: transport, serverName: serverName, cache: sessions, speaking: protocolName)
            let state = State(session: session, transport: transport)
            return try await TLSStream(over: stream, state).established(deadline)
        } catch {
            stream.close()
            throw error
        }
    }

    /// Makes `stream` the server's end of a TLS connection. It uses one of `protocols` if the client requests it.
    ///
    /// - Throws: ``TLSError``, `SystemCallError`, `DeadlineExceeded`; `stream` is then closed.
    public static func accept(
        over stream: Stream, context: TLSContext, protocols: some Sequence<String> = [],
        deadline: ContinuousClock.Instant? = nil
    ) async throws -> TLSStream {
        let transport = TLSTransport(stream)
        do {
            let session = try TLSSession.server(context, over: transport, protocols: ApplicationProtocols(protocols))
            let state = State(session: session, transport: transport)
            return try await TLSStream(over: stream, state).established(deadline)
        } catch {
            stream.close()
            throw error
        }
    }

    /// Whether the handshake resumed an earlier session.
    var isResumed: Bool { state.withLock { state in state.session.isResumed } }

    /// The negotiated application protocol (ALPN); nil if the client requested none, or the server supports none of the
    /// requested ones.
    public var applicationProtocol: String? { state.withLock { state in state.session.applicationProtocol } }

    /// The negotiated version and cipher suite, such as `TLSv1.3 TLS_AES_128_GCM_SHA256`.
    var parameters: String { state.withLock { state in state.session.parameters } }

    /// Reads the bytes that have arrived. Returns their number, 0 after the peer's `close_notify`, or nil if none have
    /// arrived.
    ///
    /// It reads all records that have arrived, until `buffer` is full or the peer's turn ends
    /// (``RecordFloodDetector``).
    /// - Throws: ``TLSError`` or `SystemCallError`.
    public func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        try state.withLock { state throws in
            // OpenSSL may have written an answer, such as an alert or a key update.
            defer { _ = try? state.transport.flush() }
            return unsafe try state.session.read(into: buffer)
        }
    }

    /// Writes as many bytes as fit. Returns their number, or nil if none fit now.
    ///
    /// After nil, the caller must pass the same bytes again. They may be encrypted already, and count as written only
    /// after the socket has accepted the last of them.
    /// - Throws: ``TLSError`` or `SystemCallError`.
    public func tryWrite(_ bytes: UnsafeRawBufferPointer) throws -> Int? {
        if unsafe bytes.isEmpty { return 0 }
        return try state.withLock { state throws in
            if state.unacknowledged == nil {
                guard try state.transport.flush() else { return nil }
                let count = min(bytes.count, state.transport.prepare())
                unsafe try state.session.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                state.unacknowledged = count
            }
            guard try state.transport.flush() else { return nil }
            return state.unacknowledged.take()
        }
    }

    /// The number of bytes that ``enqueue(_:_:)`` accepts now; nil while earlier bytes are not completely sent.
    ///
    /// A writer uses these functions instead of ``tryWrite(_:)`` if it cannot repeat a write.
    /// - Throws: ``TLSError`` or `SystemCallError`.
    package func roomToEnqueue() throws -> Int? {
        try state.withLock { state throws in try state.transport.flush() ? state.transport.prepare() : nil }
    }

    /// Encrypts `head` and `body`, and sends what fits. Returns whether all is sent; otherwise ``flushEnqueued()`` sends
    /// the rest.
    ///
    /// Together they have at most ``roomToEnqueue()`` bytes. A short `body` is in the same record as `head`.
    /// - Throws: ``TLSError`` or `SystemCallError`.
    package func enqueue(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) throws -> Bool {
        try state.withLock { state throws in
            unsafe try state.session.write(head, body)
            return try state.transport.flush()
        }
    }

    /// Sends the rest of what was enqueued. Returns whether all is sent.
    ///
    /// - Throws: ``TLSError`` or `SystemCallError`.
    package func flushEnqueued() throws -> Bool { try state.withLock { state throws in try state.transport.flush() } }

    /// The SHA-256 hash of the peer's certificate; nil without a certificate.
    package var peerFingerprint: [UInt8]? { state.withLock { state in state.session.peerFingerprint } }

    /// Suspends until another attempt can succeed. It may also return too early.
    public func wait(for direction: Direction) async throws {
        // OpenSSL still buffers the bytes that were not read in this turn, and epoll reports no event for them.
        if direction == .reading, state.withLock({ state in state.session.endTurn() }) {
            return try await loop.checkpoint()
        }
        try await stream.wait(for: direction)
    }

    /// Calls `body` once when another attempt to write can succeed: see `Stream.callWhenWritable(_:)`.
    package func callWhenWritable(_ body: @escaping @Sendable () -> Void) { stream.callWhenWritable(body) }

    /// Forgets the body of ``callWhenWritable(_:)``.
    package func cancelCall() { stream.cancelCall() }

    /// Makes the current or next ``wait(for:)`` for reading return too early.
    package func wakeReader() { stream.wakeReader() }

    /// Sends `close_notify`, so the peer reads an end after the written bytes. Reading is still possible.
    public func finishWriting() async throws {
        state.withLock { state in state.session.sendCloseNotify() }
        try await flush()
    }

    /// Closes the socket now. Idempotent.
    public func close() { stream.close() }

    /// Waits until the server has shown that it accepts our certificate, or for `limit`.
    ///
    /// In TLS 1.3 a client's handshake ends before the server checks the client's certificate. Only the next read
    /// returns a refusal. A server that accepts the certificate sends a session ticket first.
    /// - Throws: ``TLSError`` when the server refuses the certificate.
    package func awaitAcceptance(within limit: Duration) async throws {
        let deadline = ContinuousClock.now.advanced(by: limit)
        do {
            try await withDeadline(deadline, on: loop) { [self] in
                while try !state.withLock({ state throws in try state.session.isAccepted() }) {
                    try await stream.wait(for: .reading)
                }
            }
        } catch is DeadlineExceeded {
            // The server sends no tickets. Its refusal would have arrived already, or arrives with the first read.
        }
    }

    private func established(_ deadline: ContinuousClock.Instant?) async throws -> TLSStream {
        try await withDeadline(deadline, on: loop) { [self] in try await handshake() }
        return self
    }

    private func handshake() async throws {
        while true {
            let isDone = try state.withLock { state throws in
                do {
                    return try state.session.handshake()
                } catch {
                    _ = try? state.transport.flush()  // Sends the alert with the reason to the peer.
                    throw error
                }
            }
            try await flush()
            if isDone { return }
            try await stream.wait(for: .reading)
        }
    }

    private func flush() async throws {
        while try !state.withLock({ state throws in try state.transport.flush() }) {
            try await stream.wait(for: .writing)
        }
    }
}
