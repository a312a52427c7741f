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

    /// Where a session is kept for the time after a crash.
    struct Keeper: Sendable {
        let store: any DescriptorStore
        let name: String
        let room: JournalRoom
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
    /// The agent's connection of an earlier process; nil in a new session.
    private let connected: Stream?
    private let keeper: Keeper?
    private let times: SessionTimes
    private let loop: EpollLoop
    private let log: RateLimitedLogger

    /// A new session, which is kept by `keeper` if that is given.
    init(
        _ agent: AgentDialer, _ times: SessionTimes, filter: sending (any StreamFilter)?, keeper: Keeper? = nil,
        key: GuestSessions.Key, on loop: EpollLoop, log: RateLimitedLogger
    ) {
        session = Self.session(times, filter: filter, on: loop)
        (self.agent, self.times, self.loop, self.log) = (agent, times, loop, log)
        connected = nil
        guard let keeper else {
            self.keeper = nil
            return
        }
        do {
            let journal = try SessionJournal(key.id, fingerprint: key.fingerprint, room: keeper.room)
            try journal.keep(in: keeper.store, as: keeper.name)
            session.use(journal)
            self.keeper = keeper
        } catch {
            StoredSession.drop(keeper.name, from: keeper.store)
            self.keeper = nil
            log.warning(
                "A session will not survive a crash of this program: its journal cannot be made or stored: \(error)")
        }
    }

    /// Continues a session of an earlier process.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    init(
        continuing stored: sending StoredSession, _ agent: AgentDialer, _ times: SessionTimes,
        filter: sending (any StreamFilter)?, keeper: Keeper, on loop: EpollLoop, log: RateLimitedLogger
    ) throws(SessionFault) {
        session = Self.session(times, filter: filter, on: loop)
        (self.agent, self.times, self.loop, self.log) = (agent, times, loop, log)
        connected = stored.agent
        self.keeper = keeper
        try session.restore(stored.recovery, stored.journal)
    }

    private static func session(
        _ times: SessionTimes, filter: sending (any StreamFilter)?, on loop: EpollLoop
    ) -> Session {
        let manner = Session.Manner(
            silence: times.guestSilence, idle: times.silence / 2, pings: false, shutdown: times.shutdown)
        return Session(manner, nearFailure: .agentClosed, filter: filter, on: loop)
    }

    /// Whether the session has ended.
    var isOver: Bool { session.isOver }

    /// Since when the session has no connection; nil while it has one.
    var suspendedSince: ContinuousClock.Instant? { state.withLock { $0.suspendedSince } }

    /// Ends the session.
    func end(_ reason: SessionEnd) { session.end(reason) }

    /// Continues on another connection, instead of the current one. Returns false after the session's end, and for a
    /// position from which the session cannot continue.
    ///
    /// The network can deliver the first message of a connection after the node has given the connection up and
    /// continued on a later one. Such a message must not end the session.
    func take(_ offer: Offer) -> Bool {
        do {
            try session.checkResume(from: offer.received)
        } catch {
            log.warning("Refused a connection of the node, because its session cannot continue on it: \(error)")
            return false
        }
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

    /// Runs the session, on `first` to begin with, or on the next offer. Returns after its end.
    func run(_ first: Offer?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.carryAgent() }
            group.addTask { [session, changed] in
                await session.ended.wait()
                changed.notifyAll()
            }
            // The agent is connected before frames are read: a session whose client has ended does not connect to it.
            await loop.yield()
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
        if let keeper { StoredSession.drop(keeper.name, from: keeper.store) }
        guard let failure = session.failure, failure.isNews else { return }
        log.warning("A session with the node ended: \(failure)")
    }

    private func carryAgent() async {
        if let connected { return await session.carry(connected) }
        do {
            let stream = try await agent.connect()
            keep(stream)
            await session.carry(stream)
        } catch is CancellationError {
        } catch {
            session.end(.agentClosed, "the agent does not answer: \(error)")
        }
    }

    private func keep(_ stream: Stream) {
        guard let keeper else { return }
        do {
            try session.keep(stream, in: keeper.store, as: keeper.name)
        } catch {
            log.warning("A session will not survive a crash of this program: it cannot be stored: \(error)")
        }
    }

    private func serve(_ first: Offer?) async {
        var next = first
        if next == nil { next = await nextOffer() }
        guard var offer = next else { return session.end(.timedOut) }
        while true {
            do {
                try session.resume(on: offer.stream, peerReceived: offer.received) { received in
                    SessionAnswer(.accepted, received: received).bytes
                }
                await session.serve(offer.stream)
            } catch {
                // The connection is broken already, or the position is no longer possible.
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
