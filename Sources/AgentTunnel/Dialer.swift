public import LinuxIO
internal import TLS

/// Connects to one VM's forwarder, and retries until it answers.
///
/// A booting VM first drops packets, then refuses connections, then answers. Each attempt is short, so the dialer
/// detects the answer within 0.5 seconds after dropped packets, and within the longest pause (0.2 seconds) after
/// refusals.
public final class Dialer: Sendable {
    /// The time limits of single steps.
    public struct Timeouts: Sendable {
        /// One connection attempt. The kernel repeats a lost SYN only after a second.
        public var connect = Duration.milliseconds(500)
        /// One TLS handshake.
        var handshake = Duration.seconds(10)
        /// The shortest pause between attempts. Pauses grow to a tenth of the time waited so far, so the last pause
        /// adds little to the VM's start time.
        var firstPause = Duration.milliseconds(2)
        /// The longest pause.
        var longestPause = Duration.milliseconds(200)
        /// The time within which a broken path of an open connection is detected.
        public var silence = Duration.seconds(30)

        /// The defaults.
        public init() {}
    }

    /// The forwarder's address.
    public let address: SocketAddress
    private let security: ClientSecurity?
    private let loop: EpollLoop
    private let timeouts: Timeouts
    private let semaphore = AsyncSemaphore(Dialer.attemptsAtOnce)

    /// The limit of simultaneous attempts. It is lower than the forwarder's limit of handshakes, so the forwarder does
    /// not drop this node's handshakes.
    private static let attemptsAtOnce = 32

    /// Makes a dialer for `address`; nil for `security` means no TLS.
    public init(
        to address: SocketAddress, security: ClientSecurity?, on loop: EpollLoop, timeouts: Timeouts = Timeouts()
    ) {
        self.address = address
        self.security = security
        self.loop = loop
        self.timeouts = timeouts
    }

    /// Connects, with at least one attempt and further attempts until `deadline`. Calls `note` with the error of each
    /// failed attempt except the last.
    ///
    /// - Throws: ``DialError``, or `CancellationError`.
    public func connect(
        deadline: ContinuousClock.Instant, noting note: @Sendable (DialError) -> Void = { _ in }
    ) async throws -> any ByteStream {
        try await connect(deadline: deadline, noting: note) { try await attempt(until: deadline) }
    }

    /// Connects to the forwarder's service `protocolName`, with attempts until `deadline`; nil if the forwarder does
    /// not have the service.
    ///
    /// The forwarder's first answer is final; there is no attempt after it. Without TLS, the service cannot be
    /// requested.
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

    /// Connects to the agent: for a session, if the forwarder supports sessions, otherwise for the agent's bytes alone.
    /// The application protocol of the result tells which.
    ///
    /// - Throws: ``DialError``, or `CancellationError`.
    func connectForSession(deadline: ContinuousClock.Instant) async throws -> any ByteStream {
        try await connect(deadline: deadline, noting: { _ in }) { () async throws -> any ByteStream in
            do {
                return try await attempt(until: deadline, speaking: SessionHello.applicationProtocol)
            } catch let error as TLSError where error.code == .unknownProtocol {
                return try await attempt(until: deadline)
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
            // The pause starts with the attempt, because an attempt without an answer has already taken long enough.
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
