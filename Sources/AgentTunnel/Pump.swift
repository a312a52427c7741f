internal import LinuxIO

/// One direction of a relay.
///
/// For speed, all bytes that have arrived are read and written at once, and only then does the pump
/// wait. It holds a buffer only in between.
struct Pump {
    private let source: any ByteStream
    private let sink: any ByteStream
    private var filter: (any StreamFilter)?
    /// What the filter put out; kept for its capacity while it is small.
    private var filtered: [UInt8] = []

    /// The most capacity to keep between two turns.
    private static let keptCapacity = 4 << 10

    init(from source: any ByteStream, to sink: any ByteStream, filter: (any StreamFilter)?) {
        self.source = source
        self.sink = sink
        self.filter = filter
    }

    /// Forwards bytes that were read before the pump existed.
    mutating func start(with held: [UInt8]) async throws {
        if held.isEmpty { return }
        let room = BufferPool.privateBlock(size: held.count)
        unsafe room.bytes.copyBytes(from: held)
        try await forward(room, held.count)
    }

    /// Carries bytes until the source ends, then half-closes the sink.
    mutating func run() async throws {
        while try await carryWhatIsThere() { try await source.wait(for: .reading) }
        try await sink.finishWriting()
    }

    /// Carries all that can be read now; false at the end.
    private mutating func carryWhatIsThere() async throws -> Bool {
        let room = BufferPool.shared.borrow()
        // The loop ends: a stream returns a limited amount before it has to be waited for.
        while let count = unsafe try source.tryRead(into: room.bytes) {
            if count == 0 { return false }
            try await forward(room, count)
        }
        return true
    }

    private mutating func forward(_ room: borrowing PooledBuffer, _ count: Int) async throws {
        guard filter != nil else { return try await send(room, count) }
        let verdict = try unsafe filter?.process(
            UnsafeRawBufferPointer(rebasing: room.bytes[..<count]), into: &filtered)
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
