internal import LinuxIO

/// Reads ranges of a disk image: a file, a part of another disk, or bytes in a test.
package protocol DiskReader: Sendable {
    /// The size in bytes.
    var size: Int64 { get }

    /// Reads `count` bytes at `offset`.
    ///
    /// - Throws: ``ImageError`` when the range is not inside the disk, or cannot be read.
    func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8]
}

/// A range of another disk.
struct DiskPart<Whole: DiskReader>: DiskReader {
    let whole: Whole
    let start: Int64
    let size: Int64

    func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8] {
        guard offset >= 0, offset <= size, Int64(count) <= size - offset else {
            throw ImageError("the partition", "\(count) bytes at \(offset) are outside of its \(size) bytes")
        }
        return try whole.read(count, at: start + offset)
    }
}

/// A disk in a file.
struct DiskFile: DiskReader {
    let file: RandomAccessFile
    let path: String
    let size: Int64

    func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8] {
        guard offset >= 0, offset <= size, Int64(count) <= size - offset else {
            throw ImageError(path, "\(count) bytes at \(offset) are outside of its \(size) bytes")
        }
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try file.read(count, at: offset)
        } catch {
            throw ImageError(path, "\(error)")
        }
        guard bytes.count == count else { throw ImageError(path, "the file became shorter while it was read") }
        return bytes
    }
}
