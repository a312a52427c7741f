@testable import AgentTunnel

/// Two ends of a session and the connection between them, in memory. The connection can be cut after any byte.
struct SessionPair {
    struct End {
        var state: SessionState
        var reader = SessionFrameReader()
        var source: [UInt8]
        /// Bytes that have arrived, but were not passed on.
        var waiting: [UInt8] = []
        var delivered: [UInt8] = []
        var hasEnded = false
        /// Bytes on their way to this end.
        var wire: [UInt8] = []
    }

    var near: End
    var far: End
    var sourcePiece = 50
    var sinkPiece = 50
    private(set) var cuts = 0
    private let room: Int

    init(up: [UInt8], down: [UInt8], window: Int, room: Int) {
        near = End(state: SessionState(window: window), source: up)
        far = End(state: SessionState(window: window), source: down)
        self.room = room
    }

    struct Stalled: Error {}

    /// Carries all bytes. `cuttingAfter` returns, for each connection, how many bytes it carries in all.
    mutating func carry(cuttingAfter limit: (Int) -> Int?) throws {
        var (left, rounds) = (limit(0), 0)
        while !(near.state.isComplete && far.state.isComplete) {
            rounds += 1
            if rounds > 100_000 { throw Stalled() }
            var lost = false
            for direction in [true, false] where !lost {
                lost = try step(from: direction ? \.near : \.far, to: direction ? \.far : \.near, &left)
            }
            guard lost else { continue }
            cuts += 1
            try reconnect()
            left = limit(cuts)
        }
    }

    /// One turn of one direction. Returns whether the connection is cut.
    private mutating func step(
        from sender: WritableKeyPath<SessionPair, End>, to receiver: WritableKeyPath<SessionPair, End>,
        _ left: inout Int?
    ) throws -> Bool {
        self[keyPath: sender].read(sourcePiece)
        var bytes = self[keyPath: sender].frame(room)
        let isCut = left.map { $0 < bytes.count } ?? false
        if isCut, let left { bytes = Array(bytes[..<left]) }
        left? -= bytes.count
        self[keyPath: receiver].wire += bytes
        try self[keyPath: receiver].receive()
        if !isCut { self[keyPath: receiver].passOn(sinkPiece) }
        return isCut
    }

    private mutating func reconnect() throws {
        (near.wire, far.wire) = ([], [])
        (near.reader, far.reader) = (SessionFrameReader(), SessionFrameReader())
        try near.state.resume(peerReceived: far.state.incoming.received)
        try far.state.resume(peerReceived: near.state.incoming.received)
    }
}

extension SessionPair.End {
    mutating func read(_ limit: Int) {
        guard state.outgoing.hasRoom else { return }
        _ = unsafe state.fill { room in
            let count = min(limit, room.count, source.count)
            unsafe room.copyBytes(from: source[..<count])
            source.removeFirst(count)
            return count
        }
    }

    mutating func frame(_ room: Int) -> [UInt8] {
        guard let frame = state.nextFrame(room: room) else { return [] }
        var bytes = unsafe frame.withBytes { unsafe Array($0) }
        if frame.kind == .data { bytes += unsafe state.outgoing.withUnsent(frame.value) { unsafe Array($0) } }
        state.noteSent(frame)
        return bytes
    }

    mutating func receive() throws {
        while !wire.isEmpty {
            let count = min(reader.payloadLeft, wire.count)
            if count > 0 {
                waiting += wire[..<count]
                wire.removeFirst(count)
                reader.skipPayload(count)
                state.receivePayload(count)
                continue
            }
            let frame = try unsafe reader.header(
                { room in
                    let count = min(room.count, wire.count)
                    unsafe room.copyBytes(from: wire[..<count])
                    wire.removeFirst(count)
                    return count
                }, atEnd: {})
            if let frame { _ = try state.receive(frame) }
        }
    }

    mutating func passOn(_ limit: Int) {
        let count = min(limit, waiting.count)
        delivered += waiting[..<count]
        waiting.removeFirst(count)
        state.consume(count)
        if waiting.isEmpty, state.incoming.owesEnd {
            hasEnded = true
            state.consumeEnd()
        }
    }
}
