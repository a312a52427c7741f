/// A fixed virtual hard disk (VHD), the format of Azure's images: the disk's bytes and a footer of 512 bytes
/// (Microsoft's "Virtual Hard Disk Image Format Specification").
public enum VirtualHardDisk {
    /// The size of the footer, in bytes.
    static let footerSize = 512
    /// Azure takes only disks whose size is a multiple of this: 1 MiB.
    static let sizeUnit: Int64 = 1 << 20
    /// The largest fixed disk for a generation 2 VM's system disk, in bytes: 4 TiB.
    static let sizeLimit: Int64 = 4 << 40

    private static let cookie = Array("conectix".utf8)
    private static let checksumOffset = 64

    /// The footer of a disk.
    ///
    /// - Parameters:
    ///   - size: the disk's size in bytes, without the footer.
    ///   - identifier: 16 bytes, which replace the random UUID of other tools, so that two builds of a disk are equal.
    ///   - created: seconds since 1970.
    ///
    /// - Returns: ``footerSize`` bytes.
    ///
    /// - Throws: ``ImageError`` when Azure would not take a disk of this size.
    public static func footer(size: Int64, identifier: [UInt8], created: Int64) throws(ImageError) -> [UInt8] {
        guard size > 0, size <= sizeLimit, size % sizeUnit == 0 else {
            throw ImageError(
                "the disk", "its size of \(size) bytes is not a multiple of 1 MiB up to 4 TiB",
                advice: "append zeros to the raw image")
        }
        var footer = cookie
        footer.append(big: UInt32(2))
        footer.append(big: UInt32(0x0001_0000))
        footer.append(big: UInt64.max)
        // The format counts from the year 2000.
        footer.append(big: UInt32(clamping: created - 946_684_800))
        footer += Array("ppod".utf8)
        footer.append(big: UInt32(0x0001_0000))
        footer += Array("Wi2k".utf8)
        footer.append(big: size)
        footer.append(big: size)
        // Cylinders, heads, sectors: the largest geometry. The size above counts.
        footer.append(big: UInt16(65_535))
        footer += [16, 255]
        footer.append(big: UInt32(2))
        footer.append(big: UInt32(0))
        footer += identifier.prefix(16)
        footer.append(contentsOf: repeatElement(0, count: footerSize - footer.count))
        footer.replace(at: checksumOffset, big: checksum(footer))
        return footer
    }

    /// The size of the disk that the footer describes, in bytes; nil if `bytes` is not the footer of a fixed disk.
    ///
    /// - Throws: ``ImageError`` when it is such a footer but is damaged.
    public static func size(inFooter bytes: [UInt8]) throws(ImageError) -> Int64? {
        guard bytes.count == footerSize, bytes.starts(with: cookie) else { return nil }
        let reader = Bytes(bytes)
        guard reader.big(at: checksumOffset, UInt32.self) == checksum(bytes) else {
            throw ImageError("the VHD footer", "its checksum is wrong", advice: "make the image again")
        }
        guard reader.big(at: 60, UInt32.self) == 2 else {
            throw ImageError("the VHD footer", "the disk is not of the fixed type", advice: "convert it to a fixed VHD")
        }
        guard let size: Int64 = reader.big(at: 48), size > 0, size <= sizeLimit else {
            throw ImageError("the VHD footer", "its size is impossible", advice: "make the image again")
        }
        return size
    }

    /// The complement of the sum of all bytes but the checksum's.
    private static func checksum(_ footer: [UInt8]) -> UInt32 {
        let sum = footer.enumerated().reduce(UInt32(0)) { sum, entry in
            (checksumOffset..<checksumOffset + 4).contains(entry.offset) ? sum : sum &+ UInt32(entry.element)
        }
        return ~sum
    }
}
