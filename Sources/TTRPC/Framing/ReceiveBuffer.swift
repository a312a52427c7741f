/// Bytes that are received but not yet used: a window of an array that moves only if necessary.
struct ReceiveBuffer: Sendable {
    /// The size of the first read. Most calls fit.
    static let initialWindow = 4 << 10
    /// The size of a read from a peer that fills its reads. A larger array is made only for a frame that needs it.
    static let windowLimit = 64 << 10
    /// The memory that an idle connection may keep.
    static let idleLimit = 16 << 10

    private var storage: [UInt8] = []
    private var used = 0..<0
    private var window = initialWindow

    var count: Int { used.count }
    var capacity: Int { storage.count }

    func withBytes<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(storage.span.extracting(used))
    }

    mutating func removeFirst(_ count: Int) {
        used = used.lowerBound + count..<used.upperBound
        if used.isEmpty { used = 0..<0 }
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        makeRoom(for: bytes.count)
        let end = used.upperBound
        unsafe storage.withUnsafeMutableBytes { target in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[end...]).copyBytes(from: bytes)
        }
        used = used.lowerBound..<end + bytes.count
    }

    /// Reads once into the free space. The space grows first if less than `wanted` bytes fit in total.
    mutating func fill(
        wanting wanted: Int, _ read: (UnsafeMutableRawBufferPointer) throws -> Int?
    ) rethrows -> Int? {
        if used.count < wanted {
            if storage.count - used.lowerBound < wanted { resize(to: max(wanted, window)) }
        } else if storage.count - used.upperBound < window / 2 {
            resize(to: used.count + window)
        }
        let end = used.upperBound
        let room = storage.count - end
        let count = unsafe try storage.withUnsafeMutableBytes { target in
            unsafe try read(UnsafeMutableRawBufferPointer(rebasing: target[end...]))
        }
        guard let count else { return nil }
        used = used.lowerBound..<end + count
        if count == room { window = min(window * 2, ReceiveBuffer.windowLimit) }
        return count
    }

    mutating func trim() {
        if used.isEmpty, storage.count > ReceiveBuffer.idleLimit { storage = [] }
    }

    private mutating func makeRoom(for count: Int) {
        guard storage.count - used.upperBound < count else { return }
        resize(to: max(used.count + count, min(2 * used.count, Frame.payloadLimit), ReceiveBuffer.initialWindow))
    }

    /// Moves the bytes to the front of an array that has at least `size` bytes.
    private mutating func resize(to size: Int) {
        let moved = used
        used = 0..<moved.count
        if size <= storage.count {
            unsafe storage.withUnsafeMutableBytes { bytes in
                let source = unsafe UnsafeRawBufferPointer(rebasing: bytes[moved])
                unsafe bytes.copyMemory(from: source)
            }
            return
        }
        // The memory is not zeroed: no code reads after `used`, and zeroing 4 MiB takes half a millisecond.
        storage = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
            _ = unsafe target.initialize(fromContentsOf: storage[moved])
            count = size
        }
    }
}
