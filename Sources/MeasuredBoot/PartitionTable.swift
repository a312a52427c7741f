internal import Encoding

/// A GUID partition table (UEFI specification, "GUID Partition Table (GPT) Disk Layout") with sectors of 512 bytes.
package struct PartitionTable: Equatable, Sendable {
    /// A partition of a disk.
    struct Partition: Equatable, Sendable {
        /// The type, as 16 bytes in the order of the disk.
        let type: [UInt8]
        /// The unique identifier, as 16 bytes in the order of the disk.
        let identifier: [UInt8]
        /// The offset in bytes.
        let start: Int64
        /// The size in bytes.
        let size: Int64
        /// The name.
        let name: String

        /// Whether this is an EFI system partition (ESP): C12A7328-F81F-11D2-BA4B-00A0C93EC93B.
        var isSystemPartition: Bool { type == Hexadecimal.decode("28732ac11ff8d211ba4b00a0c93ec93b") }

        /// The unique identifier as 32 hexadecimal digits in the order in which people write it.
        var uuid: String {
            let order = [3, 2, 1, 0, 5, 4, 7, 6] + Array(8..<16)
            return Hexadecimal.encode(order.map { identifier[$0] })
        }
    }

    /// The used partitions, in the table's order.
    let partitions: [Partition]

    private static let sector: Int64 = 512
    private static let entryLimit = 128
    private static let entrySize = 128

    /// Reads the primary table.
    ///
    /// - Throws: ``ImageError`` when there is none, a checksum is wrong, or partitions overlap or leave the disk. A firmware
    ///   could read such a table differently.
    package init(of disk: some DiskReader) throws(ImageError) {
        func malformed(_ reason: String) -> ImageError {
            ImageError("the partition table", reason, advice: "make the image again")
        }
        guard disk.size >= 34 * Self.sector else { throw malformed("the disk is too small for one") }
        let sector = try disk.read(Int(Self.sector), at: Self.sector)
        let header = Bytes(sector)
        guard sector.starts(with: "EFI PART".utf8) else { throw malformed("there is no GUID partition table") }
        guard let size = header.little(at: 12, UInt32.self), (92...512).contains(size) else {
            throw malformed("its header has an impossible size")
        }
        var unsigned = Array(sector.prefix(Int(size)))
        unsigned.replace(at: 16, little: UInt32(0))
        guard header.little(at: 16, UInt32.self) == CRC32.checksum(unsigned) else {
            throw malformed("the checksum of its header is wrong")
        }
        guard header.little(at: 80, UInt32.self) == UInt32(Self.entryLimit),
            header.little(at: 84, UInt32.self) == UInt32(Self.entrySize),
            let first: Int64 = header.little(at: 72), (2...64).contains(first)
        else {
            throw malformed("it does not have \(Self.entryLimit) entries of \(Self.entrySize) bytes at its beginning")
        }
        let entries = try disk.read(Self.entryLimit * Self.entrySize, at: first * Self.sector)
        guard header.little(at: 88, UInt32.self) == CRC32.checksum(entries) else {
            throw malformed("the checksum of its entries is wrong")
        }
        var partitions: [Partition] = []
        for index in 0..<Self.entryLimit {
            let entry = entries[index * Self.entrySize..<(index + 1) * Self.entrySize]
            if entry.prefix(16).allSatisfy({ $0 == 0 }) { continue }
            guard let partition = Partition(Bytes(entry), of: disk.size) else {
                throw malformed("its partition \(index + 1) is outside of the disk")
            }
            partitions.append(partition)
        }
        let sorted = partitions.sorted { $0.start < $1.start }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.start + one.size > next.start {
            throw malformed("the partitions \"\(one.name)\" and \"\(next.name)\" overlap")
        }
        self.partitions = partitions
    }
}

extension PartitionTable.Partition {
    fileprivate init?(_ entry: Bytes, of diskSize: Int64) {
        guard let type = entry.slice(at: 0, 16), let identifier = entry.slice(at: 16, 16),
            let first: Int64 = entry.little(at: 32), let last: Int64 = entry.little(at: 40),
            let name = entry.slice(at: 56, 72), first >= 34, last >= first, last < diskSize / 512
        else { return nil }
        self.type = Array(type)
        self.identifier = Array(identifier)
        start = first * 512
        size = (last - first + 1) * 512
        let units = stride(from: name.startIndex, to: name.endIndex, by: 2).map {
            UInt16(name[$0]) | UInt16(name[$0 + 1]) << 8
        }
        self.name = String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
    }
}

/// The CRC-32 of IEEE 802.3, as partition tables have it.
enum CRC32 {
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value = UInt32.max
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }
}
