/// Buffers for bytes in transit. All connections share them.
///
/// A waiting connection holds no buffer, so a thousand idle connections need no buffers. The pool lends the block that
/// was returned last, because it is still in the processor cache. All connections that cannot continue hold at most
/// ``largeLimit`` large blocks together. Further blocks are small.
package final class BufferPool: Sendable {
    private struct State {
        var idle: [Block] = []
        var largeLent = 0
    }

    private let state = Lock(State())

    /// The pool of this process.
    package static let shared = BufferPool()

    /// Bytes in a large block: a quarter of a MiB, and the bytes that TLS adds.
    static let largeSize = (256 << 10) + (8 << 10)
    /// Bytes in a block when the limit of large blocks is reached.
    static let smallSize = 16 << 10
    /// The maximum number of lent large blocks: 8 MiB.
    package static let largeLimit = 32
    /// The number of free blocks that the pool keeps.
    private static let idleLimit = 4

    /// An empty pool, for tests; the process uses ``shared``.
    package init() {}

    /// Lends a block. The block returns to the pool when the result is destroyed.
    package func borrow() -> PooledBuffer {
        let found: (block: Block?, isLarge: Bool) = state.withLock { state in
            guard state.largeLent < BufferPool.largeLimit else { return (nil, false) }
            state.largeLent += 1
            return (state.idle.popLast(), true)
        }
        let size = found.isLarge ? BufferPool.largeSize : BufferPool.smallSize
        return PooledBuffer(found.block ?? Block(size: size), from: found.isLarge ? self : nil)
    }

    /// A block of `size` bytes that does not belong to a pool.
    package static func privateBlock(size: Int) -> PooledBuffer { PooledBuffer(Block(size: size), from: nil) }

    /// The number of lent large blocks.
    package var largeBlocksLent: Int { state.withLock { $0.largeLent } }

    fileprivate func takeBack(_ block: Block) {
        state.withLock { state in
            state.largeLent -= 1
            if state.idle.count < BufferPool.idleLimit { state.idle.append(block) }
        }
    }
}

/// A borrowed block of memory. It returns to the pool when the value is destroyed.
package struct PooledBuffer: ~Copyable, Sendable {
    private let block: Block
    private let pool: BufferPool?

    fileprivate init(_ block: Block, from pool: BufferPool?) {
        self.block = block
        self.pool = pool
    }

    deinit { pool?.takeBack(block) }

    /// The whole block. Valid as long as this value exists. The content is undefined at first.
    package var bytes: UnsafeMutableRawBufferPointer { unsafe block.bytes }
}

/// Memory that is freed with its last owner.
///
/// Sendable, because only one ``PooledBuffer`` owns the block and accesses the bytes.
@safe private final class Block: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(size: Int) { unsafe bytes = .allocate(byteCount: size, alignment: 16) }

    deinit { unsafe bytes.deallocate() }
}
