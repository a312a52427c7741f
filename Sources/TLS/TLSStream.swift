public import LinuxIO

/// A TLS connection over a socket: what ``ByteStream`` promises, encrypted.
///
/// Half-closing sends the alert `close_notify`, and only the peer's `close_notify` reads
/// as an end: a connection that just stops is ``TLSError/Code/connectionLost``. ``close()``
/// sends nothing, because the application's data is not complete then.
///
/// Concurrency: one task may read while another writes. OpenSSL allows neither at once, so
/// `state` is under a lock; the waits between are outside it.
public final class TLSStream: ByteStream {
    private struct State: ~Copyable {
        var session: TLSSession
        let transport: TLSTransport
        /// Plain bytes that are encrypted but not all sent: their writer still tries to write them.
        var unacknowledged: Int?
    }

    private let stream: Stream
    private let state: Lock<State>

    private init(over stream: Stream, _ state: consuming sending State) {
        self.stream = stream
        self.state = Lock(state)
    }

    /// The loop whose events resume those who wait.
    public var loop: EpollLoop { stream.loop }

    /// Makes `stream` the client's end of a TLS connection.
    ///
    /// `serverName` is asked for and checked; nil checks only whose authority it is. `sessions`
    /// is where to find, and leave, a session to resume. With `protocolName` that application protocol is asked for,
    /// which the server need not know: see ``applicationProtocol``.
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

    /// Makes `stream` the server's end of a TLS connection, which speaks one of `protocols` if the client asks for it.
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

    /// The application protocol that both ends speak (ALPN); nil if none was asked for, or the server knows none of
    /// them.
    public var applicationProtocol: String? { state.withLock { state in state.session.applicationProtocol } }

    /// What was agreed on, such as `TLSv1.3 TLS_AES_128_GCM_SHA256`.
    var parameters: String { state.withLock { state in state.session.parameters } }

    /// Reads what is there: how many bytes, 0 after the peer's `close_notify`, nil when there is nothing yet.
    ///
    /// All records that have arrived are read, as far as `buffer` and the peer's turn go (``RecordFloodDetector``).
    /// - Throws: ``TLSError`` or `SystemCallError`.
    public func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        try state.withLock { state throws in
            // OpenSSL may have produced an answer itself: an alert, a key update.
            defer { _ = try? state.transport.flush() }
            return unsafe try state.session.read(into: buffer)
        }
    }

    /// Writes what fits: how many bytes, nil when nothing fits now.
    ///
    /// After nil the same bytes must come again: they may be encrypted already, and count
    /// as written only when the socket has taken the last of them.
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

    /// Suspends until it makes sense to try again; may return for nothing.
    public func wait(for direction: Direction) async throws {
        // What was not read in this turn lies in OpenSSL, and no edge will tell of it.
        if direction == .reading, state.withLock({ state in state.session.endTurn() }) {
            return try await loop.checkpoint()
        }
        try await stream.wait(for: direction)
    }

    /// Sends `close_notify`: the peer reads an end after what was written. Reading goes on.
    public func finishWriting() async throws {
        state.withLock { state in state.session.sendCloseNotify() }
        try await flush()
    }

    /// Closes the socket now. Idempotent.
    public func close() { stream.close() }

    /// Waits until the server has shown that it accepts our certificate, or for `limit`.
    ///
    /// In TLS 1.3 a client's handshake is done before the server has looked at the client's
    /// certificate; a refusal shows only in the next read. The session ticket that servers
    /// send first of all is the sign of acceptance.
    /// - Throws: ``TLSError`` when it refuses.
    package func awaitAcceptance(within limit: Duration) async throws {
        let deadline = ContinuousClock.now.advanced(by: limit)
        do {
            try await withDeadline(deadline, on: loop) { [self] in
                while try !state.withLock({ state throws in try state.session.isAccepted() }) {
                    try await stream.wait(for: .reading)
                }
            }
        } catch is DeadlineExceeded {
            // A server without tickets. Its refusal would have come by now, or comes with the first read.
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
                    _ = try? state.transport.flush()  // The alert that tells the peer why.
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
