internal import TLS

/// The top of a dm-verity hash tree on a partition (cryptsetup's "Verity On-Disk Format", version 1).
package struct VerityTree: Equatable, Sendable {
    /// The root hash: the hash of the salt and of the tree's first block.
    let rootHash: [UInt8]
    /// The number of data blocks that the tree covers.
    let dataBlocks: UInt64
    /// The size of a data block, in bytes.
    let dataBlockSize: Int

    /// Reads a partition; nil if it has no superblock of dm-verity.
    ///
    /// - Throws: ``ImageError`` when the superblock is damaged or of another kind; ``TLSError`` from OpenSSL.
    package init?(on disk: some DiskReader) throws {
        guard disk.size >= 512 else { return nil }
        let superblock = Bytes(try disk.read(512, at: 0))
        guard superblock.slice(at: 0, 8).map({ Array($0) }) == Array("verity".utf8) + [0, 0] else { return nil }
        func unknown(_ reason: String) -> ImageError { ImageError("the verity superblock", reason) }
        guard superblock.little(at: 8, UInt32.self) == 1, superblock.little(at: 12, UInt32.self) == 1 else {
            throw unknown("its version is not 1, or its hashes are not of the usual type")
        }
        let algorithm = (superblock.slice(at: 32, 32) ?? []).prefix { $0 != 0 }
        guard String(decoding: algorithm, as: UTF8.self) == "sha256" else {
            throw unknown("its algorithm is not sha256")
        }
        guard let dataBlockSize = superblock.little(at: 64, UInt32.self),
            let hashBlockSize = superblock.little(at: 68, UInt32.self),
            let dataBlocks: UInt64 = superblock.little(at: 72), let saltSize = superblock.little(at: 80, UInt16.self),
            let salt = superblock.slice(at: 88, min(Int(saltSize), 256)),
            [dataBlockSize, hashBlockSize].allSatisfy({ (512...65_536).contains($0) && $0.nonzeroBitCount == 1 }),
            saltSize <= 256, Int64(hashBlockSize) * 2 <= disk.size
        else { throw unknown("its sizes are impossible") }
        // The levels of the tree follow the superblock's block, the highest first.
        let top = try disk.read(Int(hashBlockSize), at: Int64(hashBlockSize))
        rootHash = try HashFunction.sha256.hash(of: salt + top)
        self.dataBlocks = dataBlocks
        self.dataBlockSize = Int(dataBlockSize)
    }
}
