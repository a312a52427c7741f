internal import LinuxIO
internal import TLS

/// One connection of the agent socket, or of the agent, over a sequence of TLS connections to the peer.
///
/// Concurrency: a lock protects the core. While there is a connection, the task in ``serve(_:)`` reads its frames and
/// passes their bytes on. The task in ``carry(_:)`` reads the near socket. Both send frames, in ``SessionCore/flush()``.
/// Nearly always, no bytes wait for a socket, and a task that waits takes two kilobytes. So calls of the loop, without a
/// task, detect silence, and continue to write when a socket accepts bytes again.
final class Session: Sendable {
    /// How an end behaves.
    struct Manner: Sendable {
        /// The silence after which a connection is given up.
        let silence: Duration
        /// The silence after which a ping is sent, and unused memory is freed.
        let idle: Duration
        let pings: Bool
        let shutdown: Duration
    }

    /// The session is over.
    let ended = Event()
    /// The session is over here, and goes on in another place.
    let isDetached = Event()
    private let core: Lock<SessionCore>
    private let manner: Manner
    private let loop: EpollLoop
    /// There is room for the near socket's bytes, or the session is over.
    private let room = AsyncCondition()

    /// Without `near`, the session begins without its near socket, and ``carry(_:)`` gets the socket later.
    init(
        _ manner: Manner, near: Stream? = nil, nearFailure: SessionEnd, filter: sending (any StreamFilter)? = nil,
        responder: (any SuspensionResponder)? = nil, on loop: EpollLoop
    ) {
        core = Lock(SessionCore(near: near, nearFailure: nearFailure, filter: filter, responder: responder))
        self.manner = manner
        self.loop = loop
    }

    /// Whether the session has ended.
    var isOver: Bool { core.withLock { $0.isOver } }

    /// Why the session has ended before its streams; nil if it has not.
    var failure: SessionCore.Failure? { core.withLock { $0.over ?? nil } }

    /// Whether the peer has the session for certain.
    var isEstablished: Bool { core.withLock { $0.isEstablished } }

    /// The bytes that this end has received.
    var received: UInt64 { core.withLock { $0.state.incoming.received } }

    /// Checks that the session can continue with a peer that has received `position` bytes.
    ///
    /// - Throws: ``SessionFault/impossibleResume(_:kept:)``.
    func checkResume(from position: UInt64) throws(SessionFault) {
        try core.withLock { (core) throws(SessionFault) in try core.state.outgoing.checkResume(from: position) }
    }

    /// The number of calls that were answered in place of the agent since the last suspension began.
    var answered: Int { core.withLock { $0.answered } }

    /// Notes that the session has no connection, and lets the responder answer.
    func suspend() { act { $0.suspend() } }

    /// Ends the session. The peer is told why, if there is a connection.
    func end(_ reason: SessionEnd, _ detail: String = "") {
        end(SessionCore.Failure(reason: reason, detail: detail))
    }

    private func end(_ failure: SessionCore.Failure) {
        core.withLock { core in
            guard core.fail(failure) else { return }
            core.state.close(failure.reason)
            _ = try? core.flush()
            core.near?.close()
        }
        wake(.over)
    }

    // MARK: Other processes

    /// Continues with the state of a snapshot, before anything else.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    func restore(_ snapshot: SessionSnapshot) throws(SessionFault) {
        try core.withLock { (core) throws(SessionFault) in try core.restore(snapshot) }
    }

    /// Uses a journal from now on, before anything else.
    func use(_ journal: sending SessionJournal) { core.withLock { $0.use(journal) } }

    /// Continues with the journal of an earlier process, before anything else.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    func restore(_ recovery: SessionJournal.Recovery, _ journal: sending SessionJournal) throws(SessionFault) {
        try core.withLock { (core) throws(SessionFault) in try core.restore(recovery, journal) }
    }

    /// Stores `agent` beside the journal, before any bytes are read from it or written to it. Does nothing without a
    /// journal.
    func keep(_ agent: Stream, in store: any DescriptorStore, as name: String) throws {
        try core.withLock { core throws in try core.keep(agent, in: store, as: name) }
    }

    /// Ends the session here without a message to the peer; nil if it has ended.
    func detach(_ id: SessionID) -> DetachedConnection? {
        let connection = core.withLock { $0.detach(id) }
        if connection != nil {
            isDetached.set()
            wake(.over)
        }
        return connection
    }

    // MARK: Connections

    /// Begins on `stream`: sends `hello`, whose answer is still to be read.
    func begin(on stream: TLSStream, sending hello: SessionHello) {
        core.withLock { core in
            core.link = SessionCore.Link(stream: stream, answer: [])
            core.link?.isBlocked = (try? stream.send(hello.bytes)) != true
        }
    }

    /// Continues on `stream`, whose peer has received `position` bytes. `first` makes the bytes that are sent before the
    /// first frame from the number of bytes that this end has received.
    ///
    /// - Throws: `SessionFault`, or the stream's error.
    func resume(
        on stream: TLSStream, peerReceived position: UInt64, sending first: (UInt64) -> [UInt8] = { _ in [] }
    ) throws {
        try core.withLock { core throws in
            if core.isOver { throw SessionCore.LinkEnded() }
            core.link?.stream.close()
            core.link = nil
            try core.state.resume(peerReceived: position)
            core.endSuspension()
            core.isEstablished = true
            core.link = SessionCore.Link(stream: stream)
            core.link?.isBlocked = try !stream.send(first(core.state.incoming.received))
        }
    }

    /// Gives up the current connection, so that ``serve(_:)`` returns.
    func dropLink() {
        core.withLock { core in
            core.link?.stream.close()
            core.link = nil
        }
    }

    /// Serves the connection `stream` until it breaks, the session ends or the caller is cancelled. Then it is closed.
    func serve(_ stream: TLSStream) async {
        act(on: stream) { _ in }
        watch(stream)
        await receive(from: stream)
        // The peer is told while there is a connection.
        if Task.isCancelled { end(.stopping) }
        if let timer = core.withLock({ $0.timer.take() }) { loop.cancelCall(timer) }
        stream.cancelCall()
        if isOver { await shutDown(stream) }
        lose(stream)
    }

    private func receive(from stream: TLSStream) async {
        while act(on: stream, { try $0.receive() }) != nil {
            guard (try? await stream.wait(for: .reading)) != nil else { return }
        }
    }

    /// Continues to send when the connection accepts bytes again.
    private func unblock(_ stream: TLSStream) {
        stream.callWhenWritable { [self] in
            act(on: stream) { core in
                core.link?.awaitsRoom = false
                core.link?.isBlocked = try !stream.flushEnqueued()
            }
        }
    }

    /// Detects silence, and uses it to acknowledge bytes and to free memory.
    private func watch(_ stream: TLSStream) {
        let heard = core.withLock { core in core.link?.stream === stream && !core.isOver ? core.link?.heard : nil }
        guard let heard else { return }
        let now = ContinuousClock.now
        if now - heard >= manner.silence { return lose(stream) }
        let isIdle = now - heard >= manner.idle
        act(on: stream) { core in core.idle(ping: isIdle && manner.pings) }
        let next = min(isIdle ? now + manner.idle : heard + manner.idle, heard + manner.silence)
        core.withLock { core in
            guard core.link?.stream === stream else { return }
            core.timer = loop.call(at: next) { [self] in watch(stream) }
        }
    }

    /// Runs `body` unless the session is over, or unless `stream` is given and no longer the connection. Then sends
    /// frames. Returns nil if `body` did not run or failed.
    @discardableResult
    private func act<Result>(on stream: TLSStream? = nil, _ body: (inout SessionCore) throws -> Result) -> Result? {
        var result: Result?
        var failure: (any Error)?
        var (current, near, wakes): (TLSStream?, Stream?, Wakes) = (nil, nil, [])
        core.withLock { core in
            current = core.link?.stream
            guard !core.isOver, stream == nil || stream === current else { return }
            do {
                result = try body(&core)
                _ = try core.flush()
            } catch {
                failure = error
            }
            // The connection's end may arrive with the last acknowledgement.
            core.noteCompletion()
            wakes = Wakes(&core)
            near = core.near
        }
        if let failure { settle(failure, of: current) }
        if wakes.contains(.blocked), let current { unblock(current) }
        if wakes.contains(.held), let near { drain(to: near) }
        wake(wakes)
        return result
    }

    private struct Wakes: OptionSet {
        let rawValue: UInt8
        /// There is room for the near socket's bytes.
        static let room = Wakes(rawValue: 1)
        /// There are bytes for the near socket, and nothing waits for it yet.
        static let held = Wakes(rawValue: 2)
        /// The connection is blocked, and nothing waits for it yet.
        static let blocked = Wakes(rawValue: 4)
        static let over = Wakes(rawValue: 8)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        /// What `core` requires now. The caller does it.
        init(_ core: inout SessionCore) {
            self = core.isOver ? .over : core.hasRoom ? .room : []
            if core.isOver { return }
            if core.isHolding, core.near != nil, !core.isDraining {
                core.isDraining = true
                insert(.held)
            }
            if core.link?.isBlocked == true, core.link?.awaitsRoom == false {
                core.link?.awaitsRoom = true
                insert(.blocked)
            }
        }
    }

    private func wake(_ wakes: Wakes) {
        if !wakes.isDisjoint(with: [.room, .over]) { room.notifyAll() }
        guard wakes.contains(.over) else { return }
        ended.set()
        core.withLock { $0.link?.stream }?.wakeReader()
    }

    /// Ends the session if the peer or the near socket is at fault, otherwise only the connection.
    private func settle(_ error: any Error, of stream: TLSStream?) {
        switch error {
        case let failure as SessionCore.Failure: end(failure)
        case let fault as SessionFault: end(.protocolViolation, "\(fault)")
        case is SessionCore.LinkEnded, is TLSError, is SystemCallError, is StreamClosed:
            if let stream { lose(stream) }
        default: end(.refused, "\(error)")
        }
    }

    private func lose(_ stream: TLSStream) {
        core.withLock { core in if core.link?.stream === stream { core.link = nil } }
        stream.close()
    }

    /// Tells the peer that no more frames follow, and waits until it closes the connection too.
    private func shutDown(_ stream: TLSStream) async {
        _ = try? await withDeadline(.now + manner.shutdown, on: loop) { [core] in
            while try !stream.flushEnqueued() { try await stream.wait(for: .writing) }
            try core.withLock { core throws in
                core.link?.isBlocked = false
                _ = try core.flush()
            }
            try await stream.finishWriting()
            while try await !stream.read(upTo: 16 << 10).isEmpty {}
        }
    }

    // MARK: The near socket

    /// Carries the bytes of `near` until the session is over. Then `near` is closed.
    func carry(_ near: Stream) async {
        core.withLock { $0.near = near }
        await fill(from: near)
        await ended.wait()
        end(.stopping)
        near.close()
    }

    private func fill(from near: Stream) async {
        while true {
            let generation = room.generation
            switch fillOnce() {
            case .again: break
            case .empty: if (try? await near.wait(for: .reading)) == nil { return end(.stopping) }
            case .full:
                await room.wait(past: generation)
                if Task.isCancelled { return end(.stopping) }
            case .ended: return
            }
        }
    }

    private enum Filling {
        case again
        case empty
        case full
        case ended
    }

    private func fillOnce() -> Filling {
        let result = act { core throws -> Filling in
            if core.state.outgoing.isFinished { return .ended }
            guard core.mayFill else { return .full }
            return try core.fill() == nil ? .empty : .again
        }
        return result ?? .ended
    }

    /// Continues to write when the near socket accepts bytes again.
    private func drain(to near: Stream) {
        near.callWhenWritable { [self] in
            act { core throws in
                core.isDraining = false
                try core.drain()
            }
        }
    }
}

extension TLSStream {
    /// Sends `bytes`, if there are any, after all earlier bytes. Returns whether all is sent.
    fileprivate func send(_ bytes: [UInt8]) throws -> Bool {
        guard try roomToEnqueue() != nil else { throw SessionCore.LinkEnded() }
        return try unsafe bytes.withUnsafeBytes { unsafe try enqueue($0, UnsafeRawBufferPointer(start: nil, count: 0)) }
    }
}
