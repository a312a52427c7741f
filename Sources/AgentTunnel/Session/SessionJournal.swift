internal import LinuxIO

/// The state of a session of the VM's end, in files that outlive the process (`docs/session.md`).
///
/// The process may end at any instant, so no count depends on a store after a system call:
///
/// - Bytes from the agent are read into the ring, which is in the state file. The kernel counts them
///   (`Stream.readCount()`).
/// - Bytes for the agent are written to the end of the output file. Then ``settle(_:received:held:checkpoint:)`` makes
///   them a part of the session, together with the filter's state, in one store. They are sent with sendfile(2), so the
///   file's offset is the number of bytes that the agent's socket has accepted.
/// - Bytes that the filter holds are written to the state file too, each at the place of its position in the node's
///   stream. The store of ``settle(_:received:held:checkpoint:)`` says how many of them are valid, and the next process
///   gives them to its filter. When the filter has passed them on, their memory is freed.
/// - Answers of the filter are written to a queue in the state file, and the store of
///   ``settle(_:received:held:checkpoint:)`` counts them too. When they are in the ring, one store says so: then they are no longer in the queue.
///
/// The state file has a page of words, the queue, the ring, and then the held bytes. All of it belongs to one session and its lock.
final class SessionJournal {
    /// The words of the state file's first page.
    private enum Word {
        static let magic = 0
        static let idHigh = 1
        static let idLow = 2
        static let fingerprintSize = 3
        /// Four words.
        static let fingerprint = 4
        /// The position of the ring's first byte.
        static let origin = 8
        static let acknowledged = 9
        /// The position at which the kernel's count of reads began.
        static let countedFrom = 10
        /// The position at which the next count begins; ``none`` while there is no next count.
        static let countedNext = 11
        static let hasSourceEnded = 12
        static let hasPeerEnded = 13
        /// Which of two slots is valid.
        static let slot = 14
        static let slots = [16, 48]
        /// The bytes of answers that are in the ring.
        static let answered = 15
        /// Which of two boundaries is valid.
        static let boundary = 80
        /// A position, and the `MessageBoundary` there.
        static let boundaries = [82, 84]
        static let none = UInt64.max
    }

    /// The words of a slot.
    private enum Slot {
        static let received = 0
        static let output = 1
        /// The number of the filter's words, which follow; ``Word/none`` if the filter cannot continue.
        static let checkpointSize = 2
        static let checkpoint = 3
        static let checkpointLimit = 24
        /// The bytes of answers that the filter has made.
        static let answers = 27
        /// The number of the last received bytes that the filter holds.
        static let held = 28
    }

    private static let magic: UInt64 = 0x7065_6572_706F_6403
    private static let pageSize = 4096
    private static let fingerprintLimit = 32
    /// The kernel's count of reads begins again before it can overflow.
    static let countLimit = Stream.readCountLimit / 2
    /// Sent bytes are freed in pieces of this size.
    private static let freeingSize: UInt64 = 256 << 10

    /// More bytes than can wait for the agent: a window, and a call that was rewritten.
    private static let unsentLimit: UInt64 = 16 << 20

    /// The bytes that can be kept for the node.
    static let ringSize = SessionState.window
    private static let queueSize = AnswerLimits.waiting
    private static let ringStart = pageSize + queueSize
    /// The size of the state file.
    static let stateSize = ringStart + ringSize

    /// Every call that a filter holds has fewer bytes.
    private static let heldLimit: UInt64 = 8 << 20
    /// The held bytes of the stream's first position would be here.
    private static let heldStart = UInt64(stateSize)
    /// No file has bytes of later positions.
    private static let heldEnd = UInt64(Int64.max) - heldStart

    private let state: MemoryFile
    private let output: MemoryFile
    private let memory: SharedMemory
    private let countLimit: Int
    /// The end of the output file.
    private(set) var outputEnd: UInt64 = 0
    /// The output file's offset.
    private var sent: UInt64 = 0
    private var freed: UInt64 = 0
    private var countedFrom: UInt64 = 0
    /// The bytes of answers that were written to the queue.
    private var answersEnd: UInt64 = 0
    /// Those that are in the ring.
    private var answered: UInt64 = 0
    private let room: JournalRoom
    /// The positions whose bytes the state file has for the filter.
    private var held: Range<UInt64> = 0..<0
    /// The first position for which the state file may have memory; nil without any.
    private var occupied: UInt64?

    /// Begins the journal of a session. It keeps held bytes while `room` has space for them.
    ///
    /// - Throws: `SystemCallError` if the kernel has no memory or descriptor for it.
    init(
        _ id: SessionID, fingerprint: [UInt8], room: JournalRoom = JournalRoom(),
        countLimit: Int = SessionJournal.countLimit
    ) throws(SystemCallError) {
        (self.room, self.countLimit) = (room, countLimit)
        state = try MemoryFile(named: "session-state")
        output = try MemoryFile(named: "session-output")
        try state.resize(to: Self.stateSize)
        memory = try state.map(Self.stateSize)
        let fingerprint = fingerprint.prefix(Self.fingerprintLimit)
        memory.store(id.high, at: Word.idHigh)
        memory.store(id.low, at: Word.idLow)
        memory.store(UInt64(fingerprint.count), at: Word.fingerprintSize)
        for (index, word) in Self.words(of: Array(fingerprint)).enumerated() {
            memory.store(word, at: Word.fingerprint + index)
        }
        memory.store(Word.none, at: Word.countedNext)
        memory.store(Self.magic, at: Word.magic)
    }

    /// Continues the journal of an earlier process.
    ///
    /// - Throws: `SessionFault.malformedSnapshot`, or `SystemCallError`.
    init(continuing state: MemoryFile, output: MemoryFile, room: JournalRoom = JournalRoom()) throws {
        (self.state, self.output, self.room) = (state, output, room)
        countLimit = Self.countLimit
        memory = try state.map(Self.stateSize)
        guard memory.word(Word.magic) == Self.magic else { throw SessionFault.malformedSnapshot }
        outputEnd = try slot(Slot.output)
        sent = try output.offset()
        countedFrom = memory.word(Word.countedFrom)
        answersEnd = try slot(Slot.answers)
        answered = memory.word(Word.answered)
        let (received, count) = (try slot(Slot.received), try slot(Slot.held))
        guard count <= min(received, Self.heldLimit), received <= Self.heldEnd else {
            throw SessionFault.malformedSnapshot
        }
        held = received - count..<received
        room.take(Int(count))
        // The process may have ended before it freed earlier bytes, or between the later bytes and their state.
        occupied = 0
        free()
        occupied = held.lowerBound
    }

    deinit { room.release(held.count) }

    // MARK: Bytes from the agent

    /// The memory of the ring.
    var ring: SharedRing { SharedRing(memory, from: Self.ringStart, in: state) }

    /// Notes the ring's state before bytes are written into it, or its memory is freed. The next process follows the
    /// bytes that came after `boundary`.
    func willChange(_ outgoing: OutgoingBytes, _ boundary: (any MessageBoundary)? = nil) {
        Self.reach("before a change of the ring")
        let next = 1 - (memory.word(Word.boundary) & 1)
        let start = Word.boundaries[Int(next)]
        memory.store(outgoing.written, at: start)
        memory.store(boundary?.checkpoint ?? 0, at: start + 1)
        memory.store(next, at: Word.boundary)
        memory.store(outgoing.origin, at: Word.origin)
        memory.store(outgoing.acknowledged, at: Word.acknowledged)
    }

    /// Notes what was read from `agent`: at most ``ringSize`` bytes since ``willChange(_:)``.
    func didRead(_ outgoing: OutgoingBytes, from agent: Stream) throws {
        Self.reach("after a read")
        if outgoing.isFinished { memory.store(1, at: Word.hasSourceEnded) }
        // The kernel does not count answers.
        let read = outgoing.written - answered
        guard read - countedFrom > UInt64(countLimit) else { return }
        memory.store(read, at: Word.countedNext)
        try agent.countReads()
        memory.store(read, at: Word.countedFrom)
        memory.store(Word.none, at: Word.countedNext)
        countedFrom = read
    }

    // MARK: Answers of the filter

    /// Writes answers to the queue. They belong to the session after the next ``settle``.
    func append(answers: [UInt8]) {
        let queue = unsafe memory.bytes[Self.pageSize..<Self.ringStart]
        for (index, byte) in answers.enumerated() {
            unsafe memory.bytes[queue.startIndex + place(answersEnd + UInt64(index))] = byte
        }
        answersEnd += UInt64(answers.count)
        Self.reach("after answers")
    }

    /// Notes that the queue's first `count` bytes are in the ring.
    func didAnswer(_ count: Int) {
        Self.reach("after answers in the ring")
        answered += UInt64(count)
        memory.store(answered, at: Word.answered)
        Self.reach("after the number of answers")
    }

    private func place(_ position: UInt64) -> Int { Int(position % UInt64(Self.queueSize)) }

    // MARK: Bytes for the agent

    /// Writes bytes to the end of the output file. They belong to the session after the next ``settle``.
    func append(_ bytes: UnsafeRawBufferPointer) throws(SystemCallError) {
        unsafe try output.write(bytes, at: outputEnd)
        outputEnd += UInt64(bytes.count)
        Self.reach("after output")
    }

    /// Makes the end of the output file, and the filter's state, a part of the session.
    ///
    /// `received` is the number of bytes from the node that led to them, of which `bytes` are the last ones. The filter
    /// holds the last `count` bytes. If they cannot be kept, the session cannot be continued before the filter has
    /// passed them on.
    func settle(_ bytes: UnsafeRawBufferPointer, received: UInt64, held count: Int, checkpoint: [UInt64]) {
        let isKept = unsafe hold(bytes, received, count)
        let next = 1 - (memory.word(Word.slot) & 1)
        let start = Word.slots[Int(next)]
        memory.store(received, at: start + Slot.received)
        memory.store(outputEnd, at: start + Slot.output)
        memory.store(answersEnd, at: start + Slot.answers)
        memory.store(UInt64(held.count), at: start + Slot.held)
        if isKept, checkpoint.count <= Slot.checkpointLimit {
            memory.store(UInt64(checkpoint.count), at: start + Slot.checkpointSize)
            for (index, word) in checkpoint.enumerated() { memory.store(word, at: start + Slot.checkpoint + index) }
        } else {
            memory.store(Word.none, at: start + Slot.checkpointSize)
        }
        memory.store(next, at: Word.slot)
        Self.reach("after the state of output")
        if let occupied, occupied < held.lowerBound || held.isEmpty { free() }
    }

    /// Writes the held bytes that the state file does not have. Returns whether it has all of them.
    ///
    /// A byte of the stream has one place only, so the bytes that are valid now are not overwritten.
    private func hold(_ bytes: UnsafeRawBufferPointer, _ received: UInt64, _ count: Int) -> Bool {
        let fresh = min(count, bytes.count)
        let (start, earlier) = (received - UInt64(count), held)
        held = received..<received
        room.release(earlier.count)
        if count == 0 { return true }
        guard count <= Self.heldLimit, received <= Self.heldEnd, room.acquire(count) else { return false }
        let isComplete =
            fresh == count || earlier.lowerBound <= start && earlier.upperBound == received - UInt64(fresh)
        do {
            guard isComplete else { throw SessionFault.unfinishedCall }
            let end = unsafe UnsafeRawBufferPointer(rebasing: bytes.suffix(fresh))
            unsafe try state.write(end, at: Self.heldStart + received - UInt64(fresh))
        } catch {
            room.release(count)
            return false
        }
        held = start..<received
        if occupied == nil { occupied = start }
        Self.reach("after held bytes")
        return true
    }

    /// Frees the memory of bytes that the filter does not hold any longer.
    private func free() {
        guard let first = occupied else { return }
        let page = UInt64(Self.pageSize)
        let end = held.isEmpty ? (held.upperBound + page - 1) / page * page : held.lowerBound / page * page
        // Without it the memory stays in use until the session's end, and nothing else fails.
        let start = first / page * page
        if start < end { try? state.free(Self.heldStart + start..<Self.heldStart + end) }
        occupied = held.isEmpty ? nil : held.lowerBound
        Self.reach("after held bytes were freed")
    }

    /// Sends up to `count` bytes of the output file to `agent`. Returns their number, nil if none fit.
    func send(_ count: Int, to agent: Stream) throws -> Int? {
        guard let count = try agent.trySend(count, from: output) else { return nil }
        Self.reach("after bytes for the agent")
        sent += UInt64(count)
        if sent - freed >= Self.freeingSize {
            // Whole pages: the kernel would write zeros into others, which the agent may not have read yet.
            let end = sent / UInt64(Self.pageSize) * UInt64(Self.pageSize)
            try output.free(freed..<end)
            freed = end
        }
        return count
    }

    /// Notes that the agent has the end of the stream.
    func notePeerEnd() {
        Self.reach("after the end of the node's stream")
        memory.store(1, at: Word.hasPeerEnded)
    }

    // MARK: The store

    /// Stores the journal under names that begin with `name`, before the node has an answer.
    func keep(in store: any DescriptorStore, as name: String) throws(SystemCallError) {
        Self.reach("before the store")
        try store.keep(state.descriptor, as: name + StoredSession.stateSuffix)
        Self.reach("within the store")
        try store.keep(output.descriptor, as: name + StoredSession.outputSuffix)
        Self.reach("after the store")
    }

    /// Stores the agent's socket, whose bytes the kernel counts from now on, before any bytes are read or written.
    func keep(_ agent: Stream, in store: any DescriptorStore, as name: String) throws {
        try agent.countReads()
        Self.reach("before the agent is stored")
        try agent.withDescriptor { try store.keep($0, as: name + StoredSession.agentSuffix) }
        Self.reach("after the agent is stored")
    }

    private static func reach(_ place: StaticString) {
        #if DEBUG
            CrashPoint.reach("session: \(place)")
        #endif
    }
}

// MARK: After a crash

extension SessionJournal {
    /// What an earlier process knew, and the kernel's counts.
    struct Recovery {
        let id: SessionID
        let fingerprint: [UInt8]
        let state: SessionState
        /// The bytes of the output file that the agent's socket has not accepted.
        let unsent: Int
        /// What a `StreamFilter` needs to continue before the bytes `held`, which it holds again.
        let checkpoint: [UInt64]
        let held: [UInt8]
        /// The answers of the filter that are not in the ring.
        let answers: [UInt8]
        /// What a `MessageBoundary` needs to continue before the bytes `followed`.
        let boundary: UInt64
        let followed: [UInt8]
    }

    /// Reads the journal; `agent` is the socket that the earlier process used, nil if it had stored none.
    ///
    /// - Throws: ``SessionFault``, if the session cannot be continued, or `SystemCallError`.
    func recover(agent: Stream?) throws -> Recovery {
        let fingerprintSize = Int(clamping: memory.word(Word.fingerprintSize))
        let checkpointSize = try slot(Slot.checkpointSize)
        if checkpointSize == Word.none { throw SessionFault.unfinishedCall }
        guard fingerprintSize <= Self.fingerprintLimit, checkpointSize <= UInt64(Slot.checkpointLimit) else {
            throw SessionFault.malformedSnapshot
        }
        guard sent <= outputEnd, outputEnd - sent <= Self.unsentLimit, agent != nil || sent == 0 else {
            throw SessionFault.malformedSnapshot
        }
        var fingerprint: [UInt8] = []
        for index in 0..<4 { fingerprint.append(memory.word(Word.fingerprint + index)) }
        let start = Word.slots[Int(memory.word(Word.slot) & 1)] + Slot.checkpoint
        let outgoing = try OutgoingBytes(
            ring, origin: memory.word(Word.origin), acknowledged: memory.word(Word.acknowledged),
            written: try written(agent), isFinished: memory.word(Word.hasSourceEnded) == 1)
        let boundary = Word.boundaries[Int(memory.word(Word.boundary) & 1)]
        let position = memory.word(boundary)
        guard position >= outgoing.origin, position <= outgoing.written,
            outgoing.written - position <= UInt64(Self.ringSize)
        else { throw SessionFault.malformedSnapshot }
        let held = try state.read(held.count, at: Self.heldStart + held.lowerBound)
        guard held.count == self.held.count else { throw SessionFault.malformedSnapshot }
        return Recovery(
            id: SessionID(high: memory.word(Word.idHigh), low: memory.word(Word.idLow)),
            fingerprint: Array(fingerprint.prefix(fingerprintSize)),
            state: SessionState(
                outgoing,
                try IncomingBytes(
                    settled: try slot(Slot.received), isFinished: memory.word(Word.hasPeerEnded) == 1,
                    window: SessionState.window)),
            unsent: Int(outputEnd - sent), checkpoint: (0..<Int(checkpointSize)).map { memory.word(start + $0) },
            held: held, answers: try waitingAnswers(), boundary: memory.word(boundary + 1),
            followed: outgoing.bytes(from: position))
    }

    private func waitingAnswers() throws -> [UInt8] {
        guard answered <= answersEnd, answersEnd - answered <= UInt64(Self.queueSize) else {
            throw SessionFault.malformedSnapshot
        }
        return (answered..<answersEnd).map { unsafe memory.bytes[Self.pageSize + place($0)] }
    }

    private func written(_ agent: Stream?) throws -> UInt64 {
        let (written, overflows) = try read(agent).addingReportingOverflow(answered)
        if overflows { throw SessionFault.malformedSnapshot }
        return written
    }

    /// The bytes that were read from the agent.
    private func read(_ agent: Stream?) throws -> UInt64 {
        guard let agent else { return 0 }
        let count = try agent.readCount()
        let next = memory.word(Word.countedNext)
        // The process may have ended after the kernel began to count again. The earlier count was high.
        if next != Word.none, count == 0 { return try renewCount(from: next) }
        let (read, overflows) = countedFrom.addingReportingOverflow(UInt64(count))
        if overflows { throw SessionFault.malformedSnapshot }
        return read
    }

    private func renewCount(from position: UInt64) throws -> UInt64 {
        memory.store(position, at: Word.countedFrom)
        memory.store(Word.none, at: Word.countedNext)
        countedFrom = position
        return position
    }

    private func slot(_ word: Int) throws -> UInt64 { memory.word(Word.slots[Int(memory.word(Word.slot) & 1)] + word) }

    private static func words(of bytes: [UInt8]) -> [UInt64] {
        stride(from: 0, to: bytes.count, by: 8).map { start in
            (0..<8).reduce(0) { $0 << 8 | UInt64(start + $1 < bytes.count ? bytes[start + $1] : 0) }
        }
    }
}
