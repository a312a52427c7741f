/// Buffers for bytes in transit, shared by all connections.
///
/// A connection that waits holds none, so a thousand idle ones cost no buffers; the block
/// lent next is the one given back last, still warm in the cache. However many connections
/// are stuck halfway, they hold ``largeLimit`` large blocks together, and small ones beyond.
package final class BufferPool: Sendable {
    private struct State {
        var idle: [Block] = []
        var largeLent = 0
    }

    private let state = Lock(State())

    /// The pool of this process.
    package static let shared = BufferPool()

    /// Bytes in a large block: a quarter of a MiB, and what TLS adds to that.
    static let largeSize = (256 << 10) + (8 << 10)
    /// Bytes in a block when too many large ones are lent.
    static let smallSize = 16 << 10
    /// How many large blocks may be lent at once: 8 MiB.
    package static let largeLimit = 32
    /// How many blocks are kept for the next borrowers.
    private static let idleLimit = 4

    package init() {}

    /// Lends out a block, which comes back by itself.
    package func borrow() -> PooledBuffer {
        let found: (block: Block?, isLarge: Bool) = state.withLock { state in
            guard state.largeLent < BufferPool.largeLimit else { return (nil, false) }
            state.largeLent += 1
            return (state.idle.popLast(), true)
        }
        let size = found.isLarge ? BufferPool.largeSize : BufferPool.smallSize
        return PooledBuffer(found.block ?? Block(size: size), from: found.isLarge ? self : nil)
    }

    /// A block of `size` bytes that is not shared.
    package static func privateBlock(size: Int) -> PooledBuffer { PooledBuffer(Block(size: size), from: nil) }

    /// How many large blocks are lent out.
    package var largeBlocksLent: Int { state.withLock { $0.largeLent } }

    fileprivate func takeBack(_ block: Block) {
        state.withLock { state in
            state.largeLent -= 1
            if state.idle.count < BufferPool.idleLimit { state.idle.append(block) }
        }
    }
}

/// A borrowed block of memory; giving it up gives it back.
package struct PooledBuffer: ~Copyable, Sendable {
    private let block: Block
    private let pool: BufferPool?

    fileprivate init(_ block: Block, from pool: BufferPool?) {
        self.block = block
        self.pool = pool
    }

    deinit { pool?.takeBack(block) }

    /// The whole block. Valid as long as this value lives; undefined content at first.
    package var bytes: UnsafeMutableRawBufferPointer { unsafe block.bytes }
}

/// Memory, freed with its last owner.
///
/// Sendable, because only the one ``PooledBuffer`` that has it touches the bytes.
@safe private final class Block: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(size: Int) { unsafe bytes = .allocate(byteCount: size, alignment: 16) }

    deinit { unsafe bytes.deallocate() }
}
