internal import AgentTunnel
internal import TTRPC

/// Finds the frames in one direction of a ttrpc connection, however the bytes are cut.
struct FrameWalk {
    /// What ``next(_:holdingUpTo:)`` has found.
    enum Piece {
        /// Bytes that pass.
        case passing([UInt8])
        /// All bytes were read, and the beginning of a frame is held.
        case incomplete
        /// A whole frame, which was held.
        case frame([UInt8])
    }

    /// The bytes left of the current frame's payload.
    private var left = 0
    /// The first bytes of a header that have passed already.
    private var passed: [UInt8] = []
    /// The first bytes of a frame that have not passed.
    private var held: [UInt8] = []

    /// Whether the bytes that have passed end with a frame.
    var isBetweenFrames: Bool { left == 0 && passed.isEmpty }

    /// Whether bytes are held.
    var isHolding: Bool { !held.isEmpty }

    /// Follows bytes that pass. Calls `note` with each header, and with the frame's payload if it is in the same bytes.
    mutating func follow<Notes>(
        _ bytes: UnsafeRawBufferPointer, _ notes: inout Notes,
        _ note: (inout Notes, FrameHeader, UnsafeRawBufferPointer?) -> Void
    ) {
        var offset = skip(min(left, bytes.count))
        while offset < bytes.count {
            if passed.isEmpty, bytes.count - offset >= FrameHeader.size {
                let header = unsafe FrameHeader(
                    UnsafeRawBufferPointer(rebasing: bytes[offset...]).assumingMemoryBound(to: UInt8.self).span)
                offset += FrameHeader.size
                left = header.length
                let count = skip(min(left, bytes.count - offset))
                let payload = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
                unsafe note(&notes, header, left == 0 ? payload : nil)
                offset += count
            } else {
                let count = min(FrameHeader.size - passed.count, bytes.count - offset)
                unsafe passed.append(contentsOf: bytes[offset..<offset + count])
                offset += count
                guard passed.count == FrameHeader.size else { return }
                let header = FrameHeader(passed)
                passed = []
                left = header.length
                note(&notes, header, nil)
                offset += skip(min(left, bytes.count - offset))
            }
        }
    }

    /// Reads the next bytes, and removes them from `bytes`. Holds frames with a payload of up to `limit` bytes until
    /// they are complete.
    mutating func next(_ bytes: inout UnsafeRawBufferPointer, holdingUpTo limit: Int) -> Piece {
        if left > 0 || !passed.isEmpty {
            let count = left > 0 ? min(left, bytes.count) : min(FrameHeader.size - passed.count, bytes.count)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
            unsafe pass(piece)
            unsafe bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
            return unsafe .passing(Array(piece))
        }
        unsafe hold(FrameHeader.size, of: &bytes)
        guard held.count >= FrameHeader.size else { return .incomplete }
        let size = FrameHeader.size + FrameHeader(held).length
        if size <= FrameHeader.size + limit { unsafe hold(size, of: &bytes) }
        if held.count < size, size <= FrameHeader.size + limit { return .incomplete }
        return .frame(release())
    }

    /// Returns the held bytes, which pass now.
    mutating func release() -> [UInt8] {
        let released = held
        held = []
        unsafe released.withUnsafeBytes { unsafe pass($0) }
        return released
    }

    private mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        var nothing: Void = ()
        unsafe follow(bytes, &nothing) { _, _, _ in }
    }

    private mutating func hold(_ size: Int, of bytes: inout UnsafeRawBufferPointer) {
        let count = max(0, min(size - held.count, bytes.count))
        unsafe held.append(contentsOf: bytes[..<count])
        unsafe bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
    }

    private mutating func skip(_ count: Int) -> Int {
        left -= count
        return count
    }
}

extension FrameWalk {
    /// Appends the position to a snapshot.
    func append(to snapshot: inout [UInt8]) {
        snapshot.append(UInt64(left))
        snapshot.append(block: passed)
        snapshot.append(block: held)
    }

    /// Reads the position of a snapshot.
    ///
    /// - Throws: `SessionFault.malformedSnapshot`.
    init(_ reader: inout SnapshotReader) throws(SessionFault) {
        let left = try reader.number()
        (passed, held) = (try reader.block(), try reader.block())
        guard left <= UInt64(UInt32.max), passed.count < FrameHeader.size, held.count <= SuspensionLimits.heldBytes
        else { throw .malformedSnapshot }
        self.left = Int(left)
    }
}
