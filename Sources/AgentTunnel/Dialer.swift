public import LinuxIO
internal import TLS

/// Connects to one VM's forwarder, and retries until it answers.
///
/// A VM that boots first drops packets, then refuses connections, then answers; each attempt is
/// short, so that the answer is noticed within half a second in the first case and within
/// the longest pause, a fifth of a second, in the second.
public struct Dialer: Sendable {
    /// How long single steps may take.
    public struct Timeouts: Sendable {
        /// One connection attempt. The kernel repeats a lost SYN only after a second.
        public var connect = Duration.milliseconds(500)
        /// One TLS handshake.
        var handshake = Duration.seconds(10)
        /// The shortest pause between attempts. Pauses grow to a tenth of the time waited so far, so that the last
        /// pause adds little to the VM's start time.
        var firstPause = Duration.milliseconds(2)
        /// The longest pause.
        var longestPause = Duration.milliseconds(200)
        /// How long a broken path may stay undetected once connected.
        public var silence = Duration.seconds(30)

        /// The defaults.
        public init() {}
    }

    /// Where the forwarder listens.
    public let address: SocketAddress
    private let security: ClientSecurity?
    private let loop: EpollLoop
    private let timeouts: Timeouts
    /// Shared by the copies of this dialer.
    private let semaphore = AsyncSemaphore(Dialer.attemptsAtOnce)

    /// Fewer than the handshakes that the forwarder allows at once: more would make it drop this node's own.
    private static let attemptsAtOnce = 32

    /// Connects to `address`; without `security`, without TLS.
    public init(
        to address: SocketAddress, security: ClientSecurity?, on loop: EpollLoop, timeouts: Timeouts = Timeouts()
    ) {
        self.address = address
        self.security = security
        self.loop = loop
        self.timeouts = timeouts
    }

    /// Connects, trying until `deadline`, and at least once; calls `note` with the error of each failed attempt except
    /// the last.
    ///
    /// - Throws: ``DialError``, or `CancellationError`.
    public func connect(
        deadline: ContinuousClock.Instant, noting note: @Sendable (DialError) -> Void = { _ in }
    ) async throws -> any ByteStream {
        try await connect(deadline: deadline, noting: note) { try await attempt(until: deadline) }
    }

    /// Connects to what the forwarder serves beside the agent, trying until `deadline`; nil if it does not know
    /// `protocolName`.
    ///
    /// The forwarder's first answer decides; there is no second attempt. Without TLS, there is no way to ask.
    /// - Throws: ``DialError``, or `CancellationError`.
    public func connect(
        speaking protocolName: String, deadline: ContinuousClock.Instant
    ) async throws -> (any ByteStream)? {
        guard security != nil else { return nil }
        return try await connect(deadline: deadline, noting: { _ in }) { () async throws -> (any ByteStream)? in
            do {
                let stream = try await attempt(until: deadline, speaking: protocolName)
                if (stream as? TLSStream)?.applicationProtocol == protocolName { return stream }
                stream.close()
                return nil
            } catch let error as TLSError where error.code == .unknownProtocol {
                return nil
            }
        }
    }

    private func connect<Connection: Sendable>(
        deadline: ContinuousClock.Instant, noting note: @Sendable (DialError) -> Void,
        _ attempt: @Sendable () async throws -> Connection
    ) async throws -> Connection {
        let start = ContinuousClock.now
        var attempts = 0
        while true {
            attempts += 1
            let began = ContinuousClock.now
            let cause: DialError.Cause
            do {
                return try await semaphore.withPermit { try await attempt() }
            } catch let error as TLSError where error.isFinal {
                throw DialError(address: address, attempts: attempts, cause: .distrust(error))
            } catch let error as TLSError {
                cause = .broken(error.description)
            } catch let error as SystemCallError {
                cause = DialError.Cause(error)
            } catch is DeadlineExceeded {
                cause = .unanswered
            }
            let now = ContinuousClock.now
            let pause = min(max((now - start) / 10, timeouts.firstPause), timeouts.longestPause)
            // Counted from the attempt's beginning: an attempt without an answer has already taken long enough.
            let paused = began.advanced(by: pause * Double.random(in: 0.75...1))
            let next = max(paused, now.advanced(by: timeouts.firstPause))
            let failure = DialError(address: address, attempts: attempts, cause: cause)
            if next >= deadline { throw failure }
            note(failure)
            try await loop.sleep(until: next)
        }
    }

    private func attempt(
        until deadline: ContinuousClock.Instant, speaking protocolName: String? = nil
    ) async throws -> any ByteStream {
        let now = ContinuousClock.now
        let stream = try await Stream.connect(
            to: address, on: loop, deadline: min(now.advanced(by: timeouts.connect), deadline))
        stream.setNoDelay()
        stream.setKeepAlive(userTimeout: timeouts.silence)
        guard let security else { return stream }
        // Before the first session, it is unknown whether the VM accepts the node's certificate.
        let isFirst = security.sessions.isEmpty
        let secure = try await TLSStream.connect(
            over: stream, context: security.context, serverName: security.serverName, sessions: security.sessions,
            speaking: protocolName, deadline: min(ContinuousClock.now.advanced(by: timeouts.handshake), deadline))
        if isFirst {
            do {
                try await secure.awaitAcceptance(within: .milliseconds(250))
            } catch {
                secure.close()
                throw error
            }
        }
        return secure
    }
}
