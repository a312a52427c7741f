/// One end of a session without its connections, as bytes, so that another process can continue the session.
///
/// All numbers have 64 bits and are big-endian. A list of bytes has its length before it.
///
///     version 1, identifier (2), flags, acknowledged, sent, written, received, consumed, reported,
///     kept bytes, number of held pieces, for each: credit, bytes; state of the responder or filter
struct SessionSnapshot: Equatable, Sendable {
    /// Bytes for the near socket that it has not accepted.
    struct Held: Equatable, Sendable {
        let bytes: [UInt8]
        let credit: Int
    }

    /// The most bytes of a snapshot.
    static let sizeLimit = 2 << 20
    private static let version: UInt64 = 1
    private static let heldLimit = 1024

    var id: SessionID
    var isEstablished = false
    var acknowledged: UInt64 = 0
    var sent: UInt64 = 0
    var written: UInt64 = 0
    var hasSourceEnded = false
    /// The bytes that the peer has not acknowledged.
    var kept: [UInt8] = []
    var received: UInt64 = 0
    var consumed: UInt64 = 0
    var reported: UInt64 = 0
    var hasPeerEnded = false
    var held: [Held] = []
    /// What a ``SuspensionResponder`` knows.
    var responder: [UInt8] = []

    init(_ id: SessionID) { self.id = id }

    /// The snapshot's bytes.
    var bytes: [UInt8] {
        var output: [UInt8] = []
        let flags: [Bool] = [isEstablished, hasSourceEnded, hasPeerEnded]
        let bits = flags.enumerated().reduce(0 as UInt64) { $0 | ($1.element ? 1 << UInt64($1.offset) : 0) }
        for number in [
            Self.version, id.high, id.low, bits, acknowledged, sent, written, received, consumed, reported,
        ] {
            output.append(number)
        }
        output.append(block: kept)
        output.append(UInt64(held.count))
        for piece in held {
            output.append(UInt64(piece.credit))
            output.append(block: piece.bytes)
        }
        output.append(block: responder)
        return output
    }

    /// Reads a snapshot.
    ///
    /// - Throws: ``SessionFault/malformedSnapshot``.
    init(_ bytes: [UInt8]) throws(SessionFault) {
        guard bytes.count <= Self.sizeLimit else { throw .malformedSnapshot }
        var reader = SnapshotReader(bytes)
        guard try reader.number() == Self.version else { throw .malformedSnapshot }
        id = SessionID(high: try reader.number(), low: try reader.number())
        let flags = try reader.number()
        guard flags < 8 else { throw .malformedSnapshot }
        (isEstablished, hasSourceEnded, hasPeerEnded) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)
        (acknowledged, sent, written) = (try reader.number(), try reader.number(), try reader.number())
        (received, consumed, reported) = (try reader.number(), try reader.number(), try reader.number())
        kept = try reader.block()
        let pieces = try reader.number()
        guard pieces <= UInt64(Self.heldLimit) else { throw .malformedSnapshot }
        for _ in 0..<pieces {
            let credit = try reader.number()
            guard credit <= UInt64(SessionState.window) else { throw .malformedSnapshot }
            held.append(Held(bytes: try reader.block(), credit: Int(credit)))
        }
        responder = try reader.block()
        guard reader.isAtEnd, isConsistent else { throw .malformedSnapshot }
    }

    /// Whether an end of a session can have these counts.
    private var isConsistent: Bool {
        let limit = SessionState.positionLimit
        let window = UInt64(SessionState.window)
        guard [sent, written, received].allSatisfy({ $0 < limit }) else { return false }
        let total = hasSourceEnded ? written + 1 : written
        guard acknowledged <= sent, sent <= total, reported <= consumed, consumed <= received else { return false }
        guard UInt64(kept.count) == written - min(acknowledged, written), kept.count <= window else { return false }
        var waiting = received - consumed
        if hasPeerEnded, waiting > 0 { waiting -= 1 }
        return waiting <= window && UInt64(held.reduce(0) { $0 + $1.credit }) == waiting
    }
}

/// Reads the numbers and lists of a snapshot.
package struct SnapshotReader {
    private var rest: ArraySlice<UInt8>

    /// Reads `bytes` from their start.
    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether all bytes were read.
    package var isAtEnd: Bool { rest.isEmpty }

    /// The next number.
    package mutating func number() throws(SessionFault) -> UInt64 {
        guard rest.count >= 8 else { throw .malformedSnapshot }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The next list of bytes.
    package mutating func block() throws(SessionFault) -> [UInt8] {
        let count = try number()
        guard count <= UInt64(rest.count) else { throw .malformedSnapshot }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }
}

extension [UInt8] {
    /// Appends a number of a snapshot.
    package mutating func append(_ number: UInt64) {
        for shift in stride(from: 56 as UInt64, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// Appends a list of bytes of a snapshot.
    package mutating func append(block: [UInt8]) {
        append(UInt64(block.count))
        self += block
    }
}

extension SessionSnapshot {
    /// The state of `state`, whose bytes for the near socket are in `held`.
    init(_ id: SessionID, _ state: SessionState, held: [HeldBytes]) {
        self.init(id)
        let (outgoing, incoming) = (state.outgoing, state.incoming)
        (acknowledged, sent, written) = (outgoing.acknowledged, outgoing.sent, outgoing.written)
        (hasSourceEnded, kept) = (outgoing.isFinished, outgoing.keptBytes)
        (received, consumed, reported) = (incoming.received, incoming.consumed, incoming.reported)
        hasPeerEnded = incoming.isFinished
        self.held = held.map { Held(bytes: $0.bytes, credit: $0.credit) }
    }
}
