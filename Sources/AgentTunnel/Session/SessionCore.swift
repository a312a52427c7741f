internal import LinuxIO
internal import TLS

/// The parts of a ``Session`` that its tasks share, under its lock: the state, the current connection, the near
/// socket, and the bytes that the near socket has not accepted yet.
struct SessionCore {
    /// A connection to the peer.
    struct Link {
        let stream: TLSStream
        var reader = SessionFrameReader()
        /// Whether enqueued bytes wait for the socket.
        var isBlocked = false
        /// Whether a call of the loop continues to send when the socket accepts bytes.
        var awaitsRoom = false
        /// The bytes of the peer's answer, while the node waits for it; nil after it.
        var answer: [UInt8]?
        /// When bytes arrived last.
        var heard = ContinuousClock.now
    }

    /// Why a session ends before its streams.
    struct Failure: Error {
        let reason: SessionEnd
        var detail = ""
        /// Whether the peer has ended the session.
        var isByPeer = false
    }

    /// The peer has closed the connection, but not the session.
    struct LinkEnded: Error {}

    var state: SessionState
    var link: Link?
    /// The socket of the client or of the agent; nil until there is one.
    var near: Stream?
    /// Whether a call of the loop continues to write when the near socket accepts bytes.
    var isDraining = false
    /// The loop's next call that detects silence.
    var timer: UInt64?
    /// Changes the bytes for the near socket.
    private var filter: (any StreamFilter)?
    /// Follows the bytes of the near socket, if the filter has answers.
    private var boundary: (any MessageBoundary)?
    /// The filter's answers that wait for the end of a message of the near socket, or for room.
    private var answers: [UInt8] = []
    /// Answers calls while the session is suspended.
    private var responder: (any SuspensionResponder)?
    private var isSuspended = false
    /// The calls that the responder has answered since the last suspension began.
    private(set) var answered = 0
    /// The bytes for the near socket that it has not accepted, oldest first.
    private var held: [HeldBytes] = []
    /// Keeps the session for the time after a crash.
    private var journal: SessionJournal?
    private var filtered: [UInt8] = []
    /// The reason for a failure of the near socket.
    let nearFailure: SessionEnd
    /// Whether the peer has the session for certain.
    var isEstablished = false
    /// Why the session has ended; nil while it has not.
    private(set) var over: Failure??

    init(
        near: Stream?, nearFailure: SessionEnd, filter: (any StreamFilter)?,
        responder: (any SuspensionResponder)?
    ) {
        state = SessionState(reserve: responder == nil ? 0 : SuspensionLimits.heldBytes)
        self.responder = responder
        self.near = near
        self.nearFailure = nearFailure
        self.filter = filter
        boundary = filter?.boundary
    }

    /// Continues with the state of a snapshot.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    mutating func restore(_ snapshot: SessionSnapshot) throws(SessionFault) {
        // Without the positions in both directions, a responder cannot begin.
        if snapshot.responder.isEmpty { responder = nil }
        guard responder?.restore(snapshot.responder) ?? snapshot.responder.isEmpty else { throw .malformedSnapshot }
        state = SessionState(snapshot, reserve: responder == nil ? 0 : SuspensionLimits.heldBytes)
        isEstablished = snapshot.isEstablished
        held = snapshot.held.map { piece in
            unsafe piece.bytes.withUnsafeBytes { unsafe HeldBytes.copy($0, credit: piece.credit) }
        }
    }

    /// Uses a journal from now on, before any bytes.
    mutating func use(_ journal: SessionJournal) {
        self.journal = journal
        state = SessionState(OutgoingBytes(journal.ring), IncomingBytes(window: SessionState.window))
    }

    /// Stores the agent's socket beside the journal.
    func keep(_ agent: Stream, in store: any DescriptorStore, as name: String) throws {
        try journal?.keep(agent, in: store, as: name)
    }

    /// Continues with the journal of an earlier process, before anything else.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    mutating func restore(_ recovery: SessionJournal.Recovery, _ journal: SessionJournal) throws(SessionFault) {
        guard filter?.resume(recovery.checkpoint) ?? recovery.checkpoint.isEmpty,
            boundary?.resume(recovery.boundary) ?? true
        else { throw .malformedSnapshot }
        guard recovery.held.isEmpty || holdAgain(recovery.held) else { throw .unfinishedCall }
        unsafe recovery.followed.withUnsafeBytes { unsafe boundary?.follow($0) }
        answers = recovery.answers
        self.journal = journal
        state = recovery.state
        isEstablished = true
        if recovery.unsent > 0 { held = [.written(to: journal, count: recovery.unsent, credit: 0)] }
    }

    /// Gives the filter the bytes that an earlier one held. Returns whether it holds them too.
    private mutating func holdAgain(_ bytes: [UInt8]) -> Bool {
        var output: [UInt8] = []
        let verdict = try? unsafe bytes.withUnsafeBytes { try unsafe filter?.process($0, into: &output) }
        return verdict == .replaced && output.isEmpty && filter?.heldBack == bytes.count
            && filter?.takeAnswers().isEmpty == true
    }

    /// Ends the session here without a message to the peer, so that another process continues it with the near socket.
    /// Returns nil if the session has ended.
    mutating func detach(_ id: SessionID) -> DetachedConnection? {
        guard over == nil, let near, let socket = try? near.release(),
            let stream = try? Stream(socket, on: near.loop)
        else { return nil }
        endSuspension()
        link?.stream.close()
        link = nil
        var snapshot = SessionSnapshot(id, state, held: held)
        snapshot.isEstablished = isEstablished
        snapshot.responder = responder?.snapshot ?? []
        _ = fail(Failure(reason: .stopping))
        return DetachedConnection(stream, snapshot)
    }

    /// Whether the session has ended, in any way.
    var isOver: Bool { over != nil }

    /// Notes the end of both streams, if they have ended.
    mutating func noteCompletion() { if over == nil, state.isComplete { over = .some(nil) } }

    /// Ends the session because of `failure`. Returns false if it had ended before.
    mutating func fail(_ failure: Failure) -> Bool {
        if over != nil { return false }
        over = .some(failure)
        held = []
        return true
    }

    // MARK: To the peer

    /// Requests a ping, an acknowledgement of bytes that are not acknowledged, and frees unused memory.
    mutating func idle(ping: Bool) {
        journal?.willChange(state.outgoing, boundary)
        state.idle(ping: ping)
    }

    /// Sends all frames that the connection accepts. Returns whether the connection is blocked.
    mutating func flush() throws -> Bool {
        giveFilterAnswers()
        guard let link, !link.isBlocked else { return false }
        while state.owesFrame {
            guard let room = try link.stream.roomToEnqueue() else { return block() }
            guard let frame = state.nextFrame(room: room) else { break }
            let isSent = try unsafe state.outgoing.withUnsent(frame.kind == .data ? frame.value : 0) { payload in
                try unsafe frame.withBytes { unsafe try link.stream.enqueue($0, payload) }
            }
            state.noteSent(frame)
            if !isSent { return block() }
        }
        return false
    }

    private mutating func block() -> Bool {
        link?.isBlocked = true
        return true
    }

    /// Reads from the near socket. Returns the number of bytes, 0 at the end, nil if none have arrived.
    mutating func fill() throws -> Int? {
        guard let near else { return nil }
        do {
            if isSuspended, responder != nil { return try fillSuspended(near) }
            if let journal { return try fill(from: near, noting: journal) }
            let limit = readLimit
            return unsafe try state.fill { room in
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: room.prefix(limit))
                let count = unsafe try near.tryRead(into: target)
                if let count {
                    let bytes = unsafe UnsafeRawBufferPointer(rebasing: target[..<count])
                    unsafe responder?.follow(bytes)
                    unsafe boundary?.follow(bytes)
                }
                return count
            }
        } catch {
            throw Failure(reason: nearFailure, detail: "\(error)")
        }
    }

    private mutating func fill(from near: Stream, noting journal: SessionJournal) throws -> Int? {
        state.prepare()
        journal.willChange(state.outgoing, boundary)
        let limit = readLimit
        let count = unsafe try state.fill { room in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: room.prefix(limit))
            let count = unsafe try near.tryRead(into: target)
            if let count { unsafe boundary?.follow(UnsafeRawBufferPointer(rebasing: target[..<count])) }
            return count
        }
        try journal.didRead(state.outgoing, from: near)
        return count
    }

    // MARK: The filter's answers

    /// Whether bytes of the near socket may be read now: there is room, and no answer has to come first.
    var mayFill: Bool { hasRoom && (answers.isEmpty || boundary?.bytesLeft != 0) }

    /// Whether there is room for the near socket's bytes. While the session is suspended, room for a health check counts.
    var hasRoom: Bool { isSuspended ? state.outgoing.fits : state.outgoing.hasRoom }

    /// How many bytes may be read next, so that the waiting answers are not delayed further.
    private var readLimit: Int {
        guard !answers.isEmpty, let boundary, boundary.bytesLeft > 0 else { return Int.max }
        return boundary.bytesLeft
    }

    /// Puts the waiting answers between two messages of the near socket, if that is possible now.
    private mutating func giveFilterAnswers() {
        guard !answers.isEmpty, let boundary, boundary.bytesLeft == 0 else { return }
        if state.outgoing.isFinished {
            answers = []
        } else if answers.count <= state.outgoing.room {
            state.prepare()
            journal?.willChange(state.outgoing, boundary)
            state.append(answers)
            journal?.didAnswer(answers.count)
            answers = []
        }
    }

    /// Takes the filter's new answers, which ``giveFilterAnswers()`` sends.
    private mutating func takeFilterAnswers() throws {
        guard let fresh = filter?.takeAnswers(), !fresh.isEmpty else { return }
        guard answers.count + fresh.count <= AnswerLimits.waiting else {
            throw Failure(reason: .refused, detail: "\(TooManyAnswers())")
        }
        answers += fresh
        journal?.append(answers: fresh)
    }

    // MARK: Suspension

    /// Begins a suspension: the responder answers what waits for the agent.
    mutating func suspend() {
        var answers = SuspendedAnswers()
        isSuspended = true
        answered = 0
        responder?.suspend(into: &answers)
        give(answers)
    }

    /// Ends a suspension.
    mutating func endSuspension() {
        guard isSuspended else { return }
        isSuspended = false
        releaseRequests()
    }

    private mutating func releaseRequests() {
        if !state.outgoing.isFinished, let bytes = responder?.resume() { state.append(bytes) }
    }

    /// Reads from the near socket while the session is suspended.
    private mutating func fillSuspended(_ near: Stream) throws -> Int? {
        let block = BufferPool.shared.borrow()
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: block.bytes.prefix(state.outgoing.room))
        guard let count = unsafe try near.tryRead(into: target) else { return nil }
        guard count > 0 else {
            releaseRequests()
            return unsafe state.fill { _ in 0 }
        }
        var (output, answers): ([UInt8], SuspendedAnswers) = ([], SuspendedAnswers())
        unsafe responder?.process(UnsafeRawBufferPointer(rebasing: target[..<count]), into: &output, answers: &answers)
        state.append(output)
        give(answers)
        return count
    }

    /// Gives the client the answers, after the bytes that it waits for.
    private mutating func give(_ answers: SuspendedAnswers) {
        guard answers.count > 0 else { return }
        answered += answers.count
        unsafe answers.bytes.withUnsafeBytes { held.append(unsafe .copy($0, credit: 0)) }
    }

    // MARK: From the peer

    /// Reads all frames that have arrived.
    mutating func receive() throws {
        link?.heard = .now
        var payload = ReceivedPayload()
        do {
            try receive(&payload)
        } catch {
            // These bytes have arrived, so the peer does not send them again.
            try passOn(&payload)
            throw error
        }
        try passOn(&payload)
        // A client that does not wait for the agent needs no connection to the agent.
        if near == nil, state.incoming.isFinished { throw Failure(reason: .clientClosed) }
        try passOnEnd()
    }

    /// The payload of frames that has arrived and was not passed on. The near socket gets the payloads of several frames
    /// with one system call.
    private struct ReceivedPayload: ~Copyable {
        var room = BufferPool.shared.borrow()
        var count = 0

        /// The memory for further bytes.
        var rest: UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(rebasing: room.bytes[count...]) }
    }

    private mutating func receive(_ payload: inout ReceivedPayload) throws {
        while !isOver, let link {
            if self.link?.reader.payloadLeft ?? 0 > 0 {
                guard try receivePayload(of: link.stream, &payload) else { return }
            } else if link.answer != nil {
                guard try receiveAnswer(of: link.stream) else { return }
            } else {
                guard try receiveHeader(of: link.stream) else { return }
            }
        }
    }

    private mutating func receivePayload(of stream: TLSStream, _ payload: inout ReceivedPayload) throws -> Bool {
        guard let left = link?.reader.payloadLeft else { return false }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: payload.rest.prefix(left))
        guard let count = unsafe try stream.tryRead(into: target) else { return false }
        if count == 0 { throw LinkEnded() }
        link?.reader.skipPayload(count)
        state.receivePayload(count)
        payload.count += count
        if unsafe payload.rest.isEmpty { try passOn(&payload) }
        return true
    }

    private mutating func passOn(_ payload: inout ReceivedPayload) throws {
        guard payload.count > 0 else { return }
        defer { payload.count = 0 }
        try passOn(&payload.room, payload.count)
    }

    private mutating func receiveHeader(of stream: TLSStream) throws -> Bool {
        let frame = unsafe try link?.reader.header(
            { unsafe try stream.tryRead(into: $0) }, atEnd: { throw LinkEnded() })
        guard let frame else { return false }
        if case .closed(let reason) = try state.receive(frame) { throw Failure(reason: reason, isByPeer: true) }
        return true
    }

    private mutating func receiveAnswer(of stream: TLSStream) throws -> Bool {
        var answer = link?.answer ?? []
        let bytes = unsafe try [UInt8](unsafeUninitializedCapacity: SessionAnswer.size - answer.count) {
            let count = unsafe try stream.tryRead(into: UnsafeMutableRawBufferPointer($0))
            if count == 0 { throw LinkEnded() }
            $1 = count ?? 0
        }
        answer += bytes
        link?.answer = answer
        guard answer.count == SessionAnswer.size else { return false }
        try accept(SessionAnswer(answer))
        return true
    }

    /// Reads the answer to a new session, whose first frames may be sent already.
    private mutating func accept(_ answer: SessionAnswer) throws {
        switch answer.outcome {
        case .accepted:
            guard answer.received == 0 else { throw SessionFault.malformedHello }
            isEstablished = true
            link?.answer = nil
        case .unknown: throw Failure(reason: .unknown)
        case .crowded: throw Failure(reason: .crowded)
        }
    }

    // MARK: To the near socket

    /// Passes on the first `count` bytes of `room`, or holds what the near socket does not accept.
    mutating func passOn(_ room: inout PooledBuffer, _ count: Int) throws {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: room.bytes[..<count])
        let verdict = unsafe try examine(bytes)
        try takeFilterAnswers()
        if let journal { return unsafe try passOn(bytes, verdict, through: journal) }
        guard verdict == .replaced else {
            let written = try unsafe writeNow(bytes)
            state.consume(written)
            if written < count { held.append(.take(from: &room, written..<count, credit: count - written)) }
            return
        }
        let written = try unsafe filtered.withUnsafeBytes { try unsafe writeNow($0) }
        // Bytes that the filter holds count, but not before earlier bytes.
        if written < filtered.count || isHolding {
            unsafe filtered.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                unsafe held.append(.copy(rest, credit: count))
            }
        } else {
            state.consume(count)
        }
        filtered = []
    }

    /// Passes on the filter's output, or `bytes` if they are not changed, through the journal's output file.
    private mutating func passOn(
        _ bytes: UnsafeRawBufferPointer, _ verdict: FilterVerdict, through journal: SessionJournal
    ) throws {
        let start = journal.outputEnd
        do {
            switch verdict {
            case .unchanged: try unsafe journal.append(bytes)
            case .replaced:
                try unsafe filtered.withUnsafeBytes { unsafe try journal.append($0) }
                filtered = []
            }
        } catch {
            throw Failure(reason: .refused, detail: "the bytes for the agent cannot be stored: \(error)")
        }
        unsafe journal.settle(
            bytes, received: state.incoming.received, held: filter?.heldBack ?? 0,
            checkpoint: filter?.checkpoint ?? [])
        held.append(.written(to: journal, count: Int(journal.outputEnd - start), credit: bytes.count))
        try drain()
    }

    /// Lets the filter or the responder process bytes for the near socket.
    private mutating func examine(_ bytes: UnsafeRawBufferPointer) throws -> FilterVerdict {
        do {
            if let verdict = unsafe try filter?.process(bytes, into: &filtered) { return verdict }
        } catch {
            throw Failure(reason: .refused, detail: "\(error)")
        }
        return unsafe responder?.filterAnswers(bytes, into: &filtered) ?? .unchanged
    }

    /// Writes what the near socket accepts, unless earlier bytes wait.
    private func writeNow(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        guard held.isEmpty, let near else { return 0 }
        var written = 0
        do {
            while written < bytes.count {
                guard let count = unsafe try near.tryWrite(UnsafeRawBufferPointer(rebasing: bytes[written...])) else {
                    break
                }
                written += count
            }
        } catch {
            throw Failure(reason: nearFailure, detail: "\(error)")
        }
        return written
    }

    /// Whether bytes wait for the near socket.
    var isHolding: Bool { !held.isEmpty }

    /// Writes held bytes until the near socket accepts no more.
    mutating func drain() throws {
        guard let near else { return }
        do {
            while let first = held.first {
                let (credit, isDone) = try first.write(to: near)
                state.consume(credit)
                if !isDone { return }
                held.removeFirst()
            }
        } catch {
            throw Failure(reason: nearFailure, detail: "\(error)")
        }
        try passOnEnd()
    }

    /// Ends the near socket's direction after its last byte.
    private mutating func passOnEnd() throws {
        guard held.isEmpty, state.incoming.owesEnd, let near else { return }
        near.shutdownWriting()
        journal?.notePeerEnd()
        state.consumeEnd()
    }
}
