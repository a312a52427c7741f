internal import LinuxIO

/// One direction of a relay.
///
/// For speed, the pump reads and writes all bytes that have arrived, and then waits. It holds no buffer while it waits.
struct Pump {
    private let source: any ByteStream
    private let sink: any ByteStream
    private var filter: (any StreamFilter)?
    /// Gets the filter's answers; nil if it has none.
    private let answering: AnsweredStream?
    /// The stream of which `sink` is the inner one, if another pump writes answers to it.
    private let answered: AnsweredStream?
    /// The filter's output. The pump keeps a small array to use its capacity again.
    private var filtered: [UInt8] = []

    /// The maximum capacity to keep between two turns.
    private static let keptCapacity = 4 << 10

    /// A pump whose `filter` may give answers to `answering`.
    init(
        from source: any ByteStream, to sink: any ByteStream, filter: (any StreamFilter)?, answering: AnsweredStream?
    ) {
        self.source = source
        self.sink = sink
        self.filter = filter
        self.answering = answering
        answered = nil
    }

    /// A pump of the other direction: its bytes go `between` the answers.
    init(from source: any ByteStream, to sink: any ByteStream, between answered: AnsweredStream?) {
        self.source = source
        self.sink = sink
        self.answered = answered
        answering = nil
    }

    /// Forwards bytes that were read before the pump existed.
    mutating func start(with held: [UInt8]) async throws {
        if held.isEmpty { return }
        let room = BufferPool.privateBlock(size: held.count)
        unsafe room.bytes.copyBytes(from: held)
        try await forward(room, held.count)
    }

    /// Forwards bytes until the source ends, then half-closes the sink.
    mutating func run() async throws {
        while try await carryWhatIsThere() { try await source.wait(for: .reading) }
        if let answered { try await answered.finish() } else { try await sink.finishWriting() }
    }

    /// Forwards all bytes that can be read now; false at the end.
    private mutating func carryWhatIsThere() async throws -> Bool {
        let room = BufferPool.shared.borrow()
        // The loop ends, because a stream returns a limited number of bytes before the pump must wait.
        while let count = unsafe try source.tryRead(into: target(in: room)) {
            if count == 0 { return false }
            try await forward(room, count)
        }
        return true
    }

    private func target(in room: borrowing PooledBuffer) -> UnsafeMutableRawBufferPointer {
        guard let answered else { return unsafe room.bytes }
        return unsafe UnsafeMutableRawBufferPointer(rebasing: room.bytes.prefix(answered.readLimit))
    }

    private mutating func forward(_ room: borrowing PooledBuffer, _ count: Int) async throws {
        if let answered {
            try await answered.begin()
            try await send(room, count)
            return unsafe try await answered.end(after: UnsafeRawBufferPointer(rebasing: room.bytes[..<count]))
        }
        guard filter != nil else { return try await send(room, count) }
        let verdict = try unsafe filter?.process(
            UnsafeRawBufferPointer(rebasing: room.bytes[..<count]), into: &filtered)
        if let answers = filter?.takeAnswers(), !answers.isEmpty { try await answering?.answer(answers) }
        guard verdict == .replaced else { return try await send(room, count) }
        if !filtered.isEmpty { try await sink.write(filtered) }
        filtered.removeAll(keepingCapacity: filtered.capacity <= Pump.keptCapacity)
    }

    private func send(_ room: borrowing PooledBuffer, _ count: Int) async throws {
        var sent = 0
        while sent < count {
            if let written = unsafe try sink.tryWrite(UnsafeRawBufferPointer(rebasing: room.bytes[sent..<count])) {
                sent += written
            } else {
                try await sink.wait(for: .writing)
            }
        }
    }
}
