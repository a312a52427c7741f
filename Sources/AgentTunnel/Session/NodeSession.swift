internal import LinuxIO
internal import TLS

/// The node's end of one session: it dials again when the connection breaks.
final class NodeSession: Sendable {
    private let id: SessionID
    private let near: Stream
    private let session: Session
    private let dialer: Dialer
    private let times: SessionTimes
    private let counters: SessionCounters
    private let loop: EpollLoop
    private let log: RateLimitedLogger

    /// The pause after a connection that broke during its first messages.
    private static let pause = Duration.milliseconds(50)

    /// A new session, or the session of `snapshot`.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    init(
        _ near: Stream, continuing snapshot: SessionSnapshot? = nil, to dialer: Dialer, _ times: SessionTimes,
        _ counters: SessionCounters, _ responder: (any SuspensionResponder)?, on loop: EpollLoop,
        log: RateLimitedLogger
    ) throws(SessionFault) {
        id = snapshot?.id ?? .random()
        let manner = Session.Manner(
            silence: times.silence, idle: times.silence / 2, pings: true, shutdown: times.shutdown)
        session = Session(manner, near: near, nearFailure: .clientClosed, responder: responder, on: loop)
        self.near = near
        self.dialer = dialer
        self.times = times
        self.counters = counters
        self.loop = loop
        self.log = log
        if let snapshot { try session.restore(snapshot) }
    }

    /// Ends the session here without a message to the peer, and returns what another process needs to continue it; nil
    /// if the session has ended.
    func detach() -> DetachedConnection? { session.detach(id) }

    /// Carries the client until the session ends, on `stream` first. Closes both. A session that was restored needs no
    /// stream.
    func run(on stream: TLSStream?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [session, near] in await session.carry(near) }
            if let stream { session.begin(on: stream, sending: SessionHello(.new, id)) }
            await serve(stream)
            session.end(.stopping)
            await group.waitForAll()
        }
        guard let failure = session.failure, failure.isNews else { return }
        counters.lose(failure.reason)
        log.warning("A session with \(dialer.address) ended: \(failure)")
    }

    private func serve(_ first: TLSStream?) async {
        var next = first
        while true {
            if let stream = next {
                await session.serve(stream)
                if session.isOver || Task.isCancelled { return }
                log.warning(
                    "The connection to \(dialer.address) broke; its session is suspended for \(times.suspension)")
            }
            next = await resume()
            if next == nil { return }
        }
    }

    /// Suspends the session until there is another connection; nil after the session's end.
    private func resume() async -> TLSStream? {
        let start = ContinuousClock.now
        counters.suspend()
        session.suspend()
        do {
            let stream = try await reconnectUnlessDetached(until: start + times.suspension)
            counters.endSuspension(resumed: true, answered: session.answered)
            log.warning(
                """
                A session with \(dialer.address) was resumed after \(ContinuousClock.now - start); the node answered \
                \(session.answered) health checks
                """)
            return stream
        } catch {
            counters.endSuspension(resumed: false, answered: session.answered)
            session.end(error.reason, error.detail)
            return nil
        }
    }

    private func reconnectUnlessDetached(
        until deadline: ContinuousClock.Instant
    ) async throws(SessionCore.Failure) -> TLSStream {
        let result = await withTaskGroup(of: Result<TLSStream, SessionCore.Failure>?.self) { group in
            group.addTask { [self] in
                do throws(SessionCore.Failure) {
                    return .success(try await reconnect(until: deadline))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask { [session] in
                await session.isDetached.wait()
                return nil
            }
            var result: Result<TLSStream, SessionCore.Failure>?
            for await ended in group {
                result = result ?? ended
                group.cancelAll()
            }
            return result
        }
        guard let result else { throw SessionCore.Failure(reason: .stopping) }
        return try result.get()
    }

    /// Dials until the session is resumed.
    private func reconnect(until deadline: ContinuousClock.Instant) async throws(SessionCore.Failure) -> TLSStream {
        var request = SessionHello.Request.resume
        while true {
            let stream = try await dial(until: deadline)
            do {
                let answer = try await greet(stream, request)
                switch answer.outcome {
                case .accepted:
                    try session.resume(on: stream, peerReceived: answer.received)
                    return stream
                case .unknown:
                    // The first connection may have broken before the VM's end received the first message.
                    if session.isEstablished || request == .new { throw SessionCore.Failure(reason: .unknown) }
                    request = .new
                case .crowded: throw SessionCore.Failure(reason: .crowded)
                }
            } catch let failure as SessionCore.Failure {
                stream.close()
                throw failure
            } catch let fault as SessionFault {
                stream.close()
                throw SessionCore.Failure(reason: .protocolViolation, detail: "\(fault)")
            } catch {
                if session.isOver || Task.isCancelled {
                    stream.close()
                    throw SessionCore.Failure(reason: .stopping)
                }
                await pause(after: error)
            }
            stream.close()
        }
    }

    private func pause(after error: any Error) async { _ = try? await loop.sleep(for: NodeSession.pause) }

    private func dial(until deadline: ContinuousClock.Instant) async throws(SessionCore.Failure) -> TLSStream {
        do {
            let stream = try await dialer.connect(speaking: SessionHello.applicationProtocol, deadline: deadline)
            if let stream = stream as? TLSStream { return stream }
        } catch let error as DialError {
            if case .distrust = error.cause { throw SessionCore.Failure(reason: .distrusted, detail: "\(error)") }
            throw SessionCore.Failure(reason: .timedOut, detail: "\(error)")
        } catch {
            throw SessionCore.Failure(reason: .stopping)
        }
        throw SessionCore.Failure(reason: .unknown, detail: "the forwarder does not support sessions")
    }

    /// Sends the first message on a new connection, and reads its answer.
    private func greet(_ stream: TLSStream, _ request: SessionHello.Request) async throws -> SessionAnswer {
        let hello = SessionHello(request, id, received: request == .new ? 0 : session.received)
        return try await withDeadline(.now + times.silence, on: loop) {
            try await stream.write(hello.bytes)
            return try SessionAnswer(try await stream.readMessage(SessionAnswer.size))
        }
    }
}

extension TLSStream {
    /// Reads exactly `count` bytes; no bytes if the stream ends before the first.
    func readMessage(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try await read(upTo: count - bytes.count)
            if more.isEmpty {
                if bytes.isEmpty { return [] }
                throw SessionCore.LinkEnded()
            }
            bytes += more
        }
        return bytes
    }
}

extension SessionCore.Failure: CustomStringConvertible {
    /// Whether the log must have the failure. The end of this end's own tunnel is no news.
    var isNews: Bool { isByPeer || reason != .stopping }

    var description: String {
        (isByPeer ? "the peer ended it: " : "") + "\(reason)" + (detail.isEmpty ? "" : " (\(detail))")
    }
}
