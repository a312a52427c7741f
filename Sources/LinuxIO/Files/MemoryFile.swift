internal import CLinux
internal import Glibc

/// A file in memory, without a path (memfd_create(2)).
///
/// Its content, its size and its offset outlive this process while another process has a descriptor of it.
public final class MemoryFile: Sendable {
    private let file: OwnedFD
    private let name: String

    /// Makes an empty file. The name is for people who look at /proc.
    public init(named name: String) throws(SystemCallError) {
        self.name = name
        file = OwnedFD(owning: try systemCall("memfd_create", on: name) { unsafe clinux_memory_file(name) })
    }

    /// Takes a file that another process made.
    public init(_ file: consuming OwnedFD, named name: String) {
        self.name = name
        self.file = file
    }

    /// The descriptor's number. Valid as long as this object exists.
    public var descriptor: CInt { file.rawValue }

    /// The offset after the last byte that ``Stream/trySend(_:from:)`` has sent.
    public func offset() throws(SystemCallError) -> UInt64 {
        UInt64(try systemCall("lseek", on: name) { lseek(file.rawValue, 0, SEEK_CUR) })
    }

    /// Sets the size.
    public func resize(to size: Int) throws(SystemCallError) {
        _ = try systemCall("ftruncate", on: name) { ftruncate(file.rawValue, off_t(size)) }
    }

    /// Writes `bytes` at `position`. The offset stays.
    public func write(_ bytes: UnsafeRawBufferPointer, at position: UInt64) throws(SystemCallError) {
        var written = 0
        while written < bytes.count {
            written += try systemCall("pwrite", on: name) {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                return unsafe pwrite(file.rawValue, rest.baseAddress, rest.count, off_t(position) + off_t(written))
            }
        }
    }

    /// Reads up to `count` bytes at `position`; fewer at the end of the file. The offset stays.
    public func read(_ count: Int, at position: UInt64) throws(SystemCallError) -> [UInt8] {
        try RandomAccessFile.read(file.rawValue, count, at: off_t(position), name: name)
    }

    /// Frees the memory of the bytes in `range`, which are zero afterwards.
    public func free(_ range: Range<UInt64>) throws(SystemCallError) {
        if range.isEmpty { return }
        _ = try systemCall("fallocate", on: name) {
            clinux_punch_hole(file.rawValue, Int64(range.lowerBound), Int64(range.count))
        }
    }

    /// Maps the first `size` bytes into the memory of this process.
    ///
    /// - Throws: ``SystemCallError``: `EINVAL` if the file has fewer bytes.
    public func map(_ size: Int) throws(SystemCallError) -> SharedMemory {
        var info = stat()
        _ = try systemCall("fstat", on: name) { unsafe fstat(file.rawValue, &info) }
        // An access to memory without a file behind it would end the process.
        guard info.st_size >= size else { throw SystemCallError(call: "mmap", errno: EINVAL, subject: name) }
        // MAP_FAILED is -1.
        let start = Int(bitPattern: unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0))
        if start == -1 { throw SystemCallError(call: "mmap", errno: errno, subject: name) }
        return unsafe SharedMemory(
            UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: start), count: size))
    }
}

/// Bytes of a file that are mapped into memory: a store changes the file.
///
/// Not thread-safe: its owner protects it.
@safe public final class SharedMemory: @unchecked Sendable {
    /// The bytes. Valid as long as this object exists.
    public let bytes: UnsafeMutableRawBufferPointer

    fileprivate init(_ bytes: UnsafeMutableRawBufferPointer) { unsafe self.bytes = bytes }

    deinit { _ = unsafe munmap(bytes.baseAddress, bytes.count) }

    /// The word of 64 bits at `index`.
    public func word(_ index: Int) -> UInt64 {
        unsafe bytes.load(fromByteOffset: index * MemoryLayout<UInt64>.size, as: UInt64.self)
    }

    /// Stores a word of 64 bits. After the death of the process, all stores before it are in the file too.
    public func store(_ value: UInt64, at index: Int) {
        unsafe precondition(index >= 0 && (index + 1) * MemoryLayout<UInt64>.size <= bytes.count)
        let words = unsafe bytes.assumingMemoryBound(to: UInt64.self)
        unsafe clinux_store(words.baseAddress.map { unsafe $0 + index }, value)
    }
}
