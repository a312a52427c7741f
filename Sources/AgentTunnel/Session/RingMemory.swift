internal import LinuxIO

/// The memory of a ring of bytes: an array that grows, or a part of a file that outlives the process.
struct RingMemory {
    private var own: [UInt8] = []
    private let shared: SharedRing?

    /// Memory of this process, which has no bytes at first; or `shared`, whose size is fixed.
    init(_ shared: SharedRing? = nil) { self.shared = shared }

    /// The size in bytes.
    var count: Int { shared?.count ?? own.count }

    /// The byte at `index`.
    subscript(index: Int) -> UInt8 { unsafe withBytes { unsafe $0[index] } }

    /// Passes all bytes to `body`.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        if let shared { return try unsafe body(UnsafeRawBufferPointer(shared.bytes)) }
        return try unsafe own.withUnsafeBytes { unsafe try body($0) }
    }

    /// Passes all bytes to `body`, which may change them.
    mutating func withMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        if let shared { return try unsafe body(shared.bytes) }
        return try unsafe own.withUnsafeMutableBytes { unsafe try body($0) }
    }

    /// Frees the memory. The bytes are lost.
    mutating func free() {
        own = []
        shared?.free()
    }

    /// Grows to `size`, and moves the `kept` bytes from `start` on, around the end of the ring, to the front.
    mutating func grow(to size: Int, keeping kept: Int, from start: Int) {
        precondition(shared == nil, "the size of a shared ring is fixed")
        let old = own
        own = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            let first = min(kept, old.count - start)
            let target = UnsafeMutableRawBufferPointer(buffer)
            unsafe old.withUnsafeBytes { bytes in
                guard kept > 0 else { return }
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[..<first])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + first]))
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[first..<kept])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<(kept - first)]))
            }
            initialized = size
        }
    }
}

/// A ring in a file that is mapped into memory.
struct SharedRing {
    private let memory: SharedMemory
    private let file: MemoryFile
    private let start: Int

    /// The bytes of `memory` from `start` on, which are at the same place in `file`.
    init(_ memory: SharedMemory, from start: Int, in file: MemoryFile) {
        self.memory = memory
        self.start = start
        self.file = file
    }

    /// The size in bytes.
    var count: Int { unsafe memory.bytes.count - start }

    /// The bytes.
    var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[start...])
    }

    /// Frees the memory. The bytes are zero afterwards.
    func free() {
        // Without it the memory stays in use, and nothing else fails.
        try? file.free(UInt64(start)..<UInt64(start + count))
    }
}
