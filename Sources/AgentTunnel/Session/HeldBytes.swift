internal import LinuxIO

/// Bytes for a socket that does not accept them yet.
final class HeldBytes {
    private enum Place: ~Copyable {
        case memory(PooledBuffer)
        /// In the output file of a journal, in order.
        case journal(SessionJournal)
    }

    private let place: Place
    private var left: Range<Int>
    /// The bytes of the session that count as passed on when these bytes are written.
    private(set) var credit: Int

    /// Bytes of this size and more keep the buffer in which they arrived. Smaller ones are copied.
    private static let worthKeeping = 32 << 10

    private init(_ place: consuming Place, _ range: Range<Int>, credit: Int) {
        self.place = place
        left = range
        self.credit = credit
    }

    /// Takes the bytes in `range` of `room`, and replaces `room` if it keeps the buffer.
    static func take(from room: inout PooledBuffer, _ range: Range<Int>, credit: Int) -> HeldBytes {
        guard range.count >= worthKeeping else {
            return unsafe copy(UnsafeRawBufferPointer(rebasing: room.bytes[range]), credit: credit)
        }
        var block = BufferPool.shared.borrow()
        swap(&block, &room)
        return HeldBytes(.memory(block), range, credit: credit)
    }

    /// The bytes that are not written; none if they are in a journal.
    var bytes: [UInt8] {
        switch place {
        case .memory(let block): unsafe Array(UnsafeRawBufferPointer(rebasing: block.bytes[left]))
        case .journal: []
        }
    }

    /// Copies `bytes`.
    static func copy(_ bytes: UnsafeRawBufferPointer, credit: Int) -> HeldBytes {
        let block = BufferPool.privateBlock(size: max(bytes.count, 1))
        unsafe block.bytes.copyMemory(from: bytes)
        return HeldBytes(.memory(block), 0..<bytes.count, credit: credit)
    }

    /// The next `count` bytes of a journal's output file.
    static func written(to journal: SessionJournal, count: Int, credit: Int) -> HeldBytes {
        HeldBytes(.journal(journal), 0..<count, credit: credit)
    }

    /// Writes to `sink` until it accepts no more. Returns how much of the credit is used, and whether all is written.
    func write(to sink: Stream) throws -> (credit: Int, isDone: Bool) {
        var used = 0
        while !left.isEmpty {
            guard let count = try tryWrite(to: sink) else { return (spend(used), false) }
            left = left.dropFirst(count)
            used += count
        }
        return (spend(credit), true)
    }

    private func tryWrite(to sink: Stream) throws -> Int? {
        switch place {
        case .memory(let block): unsafe try sink.tryWrite(UnsafeRawBufferPointer(rebasing: block.bytes[left]))
        case .journal(let journal): try journal.send(left.count, to: sink)
        }
    }

    private func spend(_ count: Int) -> Int {
        let spent = min(count, credit)
        credit -= spent
        return spent
    }
}
