@testable import MeasuredBoot

/// A disk in memory.
struct DiskInMemory: DiskReader {
    var bytes: [UInt8]

    var size: Int64 { Int64(bytes.count) }

    func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8] {
        guard let offset = Int(exactly: offset), let slice = Bytes(bytes).slice(at: offset, count) else {
            throw ImageError("the disk", "\(count) bytes at \(offset) are outside of its \(size) bytes")
        }
        return Array(slice)
    }
}
