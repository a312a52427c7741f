internal import CLinux
internal import Glibc

/// A non-blocking descriptor on a loop: a socket, one end of a pipe, a pidfd.
public final class Stream: ByteStream {
    private struct State: ~Copyable {
        var fd: OwnedFD?
        /// Whether the last read emptied the socket. Another read would return EAGAIN.
        var isDrained = false
        var turn = Turn()

        /// Whether the turn is over although more bytes may be available. Starts the next turn in that case.
        mutating func endTurn() -> Bool {
            guard turn.isOver, !isDrained, fd != nil else { return false }
            turn = Turn()
            return true
        }
    }

    /// The loop whose events resume waiting tasks.
    public let loop: EpollLoop
    private let watch: Watch
    private let state: Lock<State>

    /// Takes ownership of `fd`, makes it non-blocking and registers it with `loop`.
    public init(_ fd: consuming OwnedFD, on loop: EpollLoop) throws(SystemCallError) {
        let number = fd.rawValue
        _ = try systemCall("fcntl", on: "descriptor \(number)") { clinux_set_nonblocking(number) }
        self.loop = loop
        watch = try Watch(number, on: loop)
        state = Lock(State(fd: fd))
    }

    /// Takes ownership of a descriptor that was created non-blocking.
    init(nonBlocking fd: consuming OwnedFD, on loop: EpollLoop) throws(SystemCallError) {
        self.loop = loop
        watch = try Watch(fd.rawValue, on: loop)
        state = Lock(State(fd: fd))
    }

    deinit { watch.forget() }

    /// Two connected Unix sockets.
    public static func pair(on loop: EpollLoop) throws(SystemCallError) -> (Stream, Stream) {
        var ends: [CInt] = [0, 0]
        _ = try systemCall("socketpair") { unsafe clinux_socketpair(&ends) }
        let near = OwnedFD(owning: ends[0])
        let far = OwnedFD(owning: ends[1])
        return (try Stream(nonBlocking: near, on: loop), try Stream(nonBlocking: far, on: loop))
    }

    /// Reads the available bytes. Returns the number of bytes, 0 at the end, nil if no bytes are available yet.
    ///
    /// A read that did not fill its buffer has emptied the socket. So the next read returns nil without a system call,
    /// until ``wait(for:)`` has received a new edge (epoll(7), question 9). This does not apply after the peer has hung
    /// up, because its end may have arrived with the edge of its last bytes. After a ``Turn`` the read returns nil too,
    /// even if bytes are available. The next wait lets other tasks run, and returns.
    public func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        try state.withLock { state throws in
            guard let fd = state.fd?.rawValue else { throw StreamClosed() }
            if state.isDrained || state.turn.isOver { return nil }
            let count = try tryingSystemCall("read") { unsafe Glibc.read(fd, buffer.baseAddress, buffer.count) }
            guard let count else { return nil }
            state.turn.count(count)
            if count > 0, count < buffer.count { state.isDrained = !watch.hasHungUp }
            return count
        }
    }

    /// Writes as many bytes as fit. Returns the number of bytes, nil if no bytes fit now.
    public func tryWrite(_ bytes: UnsafeRawBufferPointer) throws -> Int? {
        try withDescriptor { fd in
            try tryingSystemCall("send") {
                let count = unsafe send(fd, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
                // A pipe is not a socket. Every program of this project ignores the SIGPIPE of a pipe.
                return unsafe count == -1 && errno == ENOTSOCK ? Glibc.write(fd, bytes.baseAddress, bytes.count) : count
            }
        }
    }

    /// Suspends until an edge has arrived since the last wait. It may return too early.
    ///
    /// After a reader's ``Turn`` it only lets other tasks run, because more bytes may be available already.
    /// - Throws: ``StreamClosed``, ``LoopStopped`` or `CancellationError`.
    public func wait(for direction: Direction) async throws {
        if direction == .reading, state.withLock({ state in state.endTurn() }) {
            try await loop.checkpoint()
            return try watch.check()
        }
        let fd = state.withLock { state in state.fd?.rawValue }
        try await watch.wait(for: direction, on: fd)
        if direction == .reading {
            state.withLock { state in
                state.isDrained = false
                state.turn = Turn()
            }
        }
    }

    /// Calls `body` once when an edge for writing has arrived since the last wait: on the loop's thread, or in this call.
    /// It may be called too early. It is not called after ``close()`` or ``cancelCall()``.
    ///
    /// Use this instead of ``wait(for:)`` where a task would wait long or often. A later call replaces an earlier one.
    package func callWhenWritable(_ body: @escaping @Sendable () -> Void) {
        guard let fd = state.withLock({ state in state.fd?.rawValue }) else { return }
        // It fails only if the descriptor was closed meanwhile.
        try? watch.callWhenWritable(fd, body)
    }

    /// Forgets the body of ``callWhenWritable(_:)``.
    package func cancelCall() { watch.cancelCall() }

    /// Makes the current or next ``wait(for:)`` for reading return too early.
    package func wakeReader() { watch.wakeReader() }

    /// Closes the write direction. The peer reads the written bytes and then the end.
    public func finishWriting() async throws { shutdownWriting() }

    /// ``finishWriting()`` for callers that cannot wait. On a pipe it closes the stream.
    public func shutdownWriting() {
        let isSocket = try? withDescriptor { fd in shutdown(fd, CInt(SHUT_WR)) == 0 || errno != ENOTSOCK }
        if isSocket == false { close() }
    }

    /// Closes the descriptor now. Waiting tasks get ``StreamClosed``. Idempotent.
    public func close() {
        let fd = state.withLock { state in state.fd.take() }
        if fd == nil { return }
        watch.forget()
        watch.fail(StreamClosed())
    }

    /// Whether ``close()`` was called.
    public var isClosed: Bool { state.withLock { state in state.fd == nil } }

    /// Whether the peer has closed a socket's connection or its direction of it, and no byte is left to read. Reads nothing.
    package var hasEnded: Bool {
        let count = try? withDescriptor { fd in
            try tryingSystemCall("recv") {
                var byte: UInt8 = 0
                return unsafe recv(fd, &byte, 1, CInt(MSG_PEEK) | CInt(MSG_DONTWAIT))
            } ?? 1
        }
        return count ?? 0 == 0
    }

    /// Passes the descriptor to `body`. The descriptor stays open while `body` runs.
    ///
    /// - Throws: ``StreamClosed``, or what `body` throws.
    package func withDescriptor<Result>(_ body: (CInt) throws -> Result) throws -> Result {
        try state.withLock { state throws in
            guard let fd = state.fd?.rawValue else { throw StreamClosed() }
            return try body(fd)
        }
    }
}

extension Stream {
    /// Makes the socket send small writes immediately (TCP_NODELAY). Does nothing for other descriptors.
    public func setNoDelay() { setOption(clinux_tcp, clinux_no_delay, 1) }

    /// Limits the time until a dead peer is detected: keep-alive probes, and an answer to each write within `timeout`.
    public func setKeepAlive(userTimeout timeout: Duration) {
        let seconds = max(3, CInt(clamping: timeout.components.seconds))
        setOption(SOL_SOCKET, SO_KEEPALIVE, 1)
        setOption(clinux_tcp, clinux_keep_idle, max(1, seconds / 3))
        setOption(clinux_tcp, clinux_keep_interval, max(1, seconds / 6))
        setOption(clinux_tcp, clinux_keep_count, 4)
        setOption(clinux_tcp, clinux_user_timeout, seconds.multipliedReportingOverflow(by: 1000).partialValue)
    }

    // A socket that refuses an option still transports bytes. The peer's death is then detected later.
    private func setOption(_ level: CInt, _ name: CInt, _ value: CInt) {
        _ = try? withDescriptor { fd in clinux_set_option(fd, level, name, value) }
    }

    /// The error of a connection attempt; 0 if it succeeded.
    func pendingError() throws -> CInt {
        try withDescriptor { fd in
            var code: CInt = 0
            var length = socklen_t(MemoryLayout<CInt>.size)
            _ = try systemCall("getsockopt") { unsafe getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) }
            return code
        }
    }
}
