internal import CLinux
internal import Glibc

/// A file or block device that is read in any order, for files that are too large for the memory.
public final class RandomAccessFile: Sendable {
    private let file: OwnedFD
    private let path: String
    /// The size in bytes when the file was opened.
    public let size: Int64

    /// Opens a file for reading.
    public init(_ path: String) throws(SystemCallError) {
        self.path = path
        file = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY, 0) })
        let number = file.rawValue
        size = Int64(try systemCall("lseek", on: path) { lseek(number, 0, SEEK_END) })
    }

    /// Reads up to `count` bytes at `offset`; fewer at the end of the file.
    public func read(_ count: Int, at offset: Int64) throws(SystemCallError) -> [UInt8] {
        guard offset >= 0, offset < size, count > 0 else { return [] }
        return try Self.read(file.rawValue, Int(min(Int64(count), size - offset)), at: off_t(offset), name: path)
    }

    /// Reads up to `count` bytes of a descriptor at `offset`.
    static func read(
        _ descriptor: CInt, _ count: Int, at offset: off_t, name: String
    ) throws(SystemCallError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < bytes.count {
            let read = try systemCall("pread", on: name) {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                    return unsafe pread(descriptor, rest.baseAddress, rest.count, offset + off_t(filled))
                }
            }
            if read == 0 { break }
            filled += read
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }
}
