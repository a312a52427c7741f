internal import LinuxIO
internal import TLS

/// The VM's end of one session: it keeps the agent's connection while the node has none to this session.
final class GuestSession: Sendable {
    /// A connection of the node on which the session is to continue.
    struct Offer: Sendable {
        let stream: TLSStream
        /// The bytes that the node has received.
        let received: UInt64
        /// The connection has ended.
        let ended = Event()
    }

    private struct State {
        var offer: Offer?
        var suspendedSince: ContinuousClock.Instant?
        var isOver = false
    }

    private let state = Lock(State())
    /// There is an offer, or the session is over.
    private let changed = AsyncCondition()
    private let session: Session
    private let agent: AgentDialer
    private let times: SessionTimes
    private let loop: EpollLoop
    private let log: RateLimitedLogger

    init(
        _ agent: AgentDialer, _ times: SessionTimes, filter: sending (any StreamFilter)?, on loop: EpollLoop,
        log: RateLimitedLogger
    ) {
        let manner = Session.Manner(
            silence: times.guestSilence, idle: times.silence / 2, pings: false, shutdown: times.shutdown)
        session = Session(manner, nearFailure: .agentClosed, filter: filter, on: loop)
        self.agent = agent
        self.times = times
        self.loop = loop
        self.log = log
    }

    /// Whether the session has ended.
    var isOver: Bool { session.isOver }

    /// Since when the session has no connection; nil while it has one.
    var suspendedSince: ContinuousClock.Instant? { state.withLock { $0.suspendedSince } }

    /// Ends the session.
    func end(_ reason: SessionEnd) { session.end(reason) }

    /// Continues on another connection, instead of the current one. Returns false after the session's end.
    func take(_ offer: Offer) -> Bool {
        let (isTaken, replaced) = state.withLock { state in
            if state.isOver { return (false, nil as Offer?) }
            defer { state.offer = offer }
            return (true, state.offer)
        }
        replaced?.stream.close()
        replaced?.ended.set()
        if isTaken {
            session.dropLink()
            changed.notifyAll()
        }
        return isTaken
    }

    /// Runs the session, on `first` to begin with. Returns after its end.
    func run(_ first: Offer) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.carryAgent() }
            group.addTask { [session, changed] in
                await session.ended.wait()
                changed.notifyAll()
            }
            await serve(first)
            session.end(.stopping)
            group.cancelAll()
        }
        let left = state.withLock { state in
            state.isOver = true
            return state.offer.take()
        }
        left?.stream.close()
        left?.ended.set()
        guard let failure = session.failure, failure.isNews else { return }
        log.warning("A session with the node ended: \(failure)")
    }

    private func carryAgent() async {
        do {
            await session.carry(try await agent.connect())
        } catch is CancellationError {
        } catch {
            session.end(.agentClosed, "the agent does not answer: \(error)")
        }
    }

    private func serve(_ first: Offer) async {
        var offer = first
        while true {
            do {
                try session.resume(on: offer.stream, peerReceived: offer.received) { received in
                    SessionAnswer(.accepted, received: received).bytes
                }
                await session.serve(offer.stream)
            } catch let fault as SessionFault {
                session.end(.protocolViolation, "\(fault)")
            } catch {
                // The connection is broken already.
            }
            offer.stream.close()
            offer.ended.set()
            if session.isOver || Task.isCancelled { return }
            guard let next = await nextOffer() else { return session.end(.timedOut) }
            offer = next
        }
    }

    private func nextOffer() async -> Offer? {
        state.withLock { state in state.suspendedSince = .now }
        let next = try? await withDeadline(.now + times.suspension, on: loop) { [self] in
            while true {
                let generation = changed.generation
                let offer = state.withLock { state in
                    defer { if state.offer != nil { state.suspendedSince = nil } }
                    return state.offer.take()
                }
                if offer != nil || session.isOver { return offer }
                await changed.wait(past: generation)
                try Task.checkCancellation()
            }
        }
        return next ?? nil
    }
}
