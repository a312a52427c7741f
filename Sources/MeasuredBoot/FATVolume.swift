/// A FAT12, FAT16 or FAT32 volume, as an EFI system partition has it (Microsoft's "FAT File System Specification").
///
/// It reads names, directories and files. All numbers come from the volume, so each chain of clusters is bounded.
package struct FATVolume<Disk: DiskReader>: Sendable {
    /// An entry of a directory.
    struct Entry: Equatable, Sendable {
        /// The long name, or the short one if there is no long name.
        let name: String
        let isDirectory: Bool
        let firstCluster: UInt32
        /// The size of a file, in bytes.
        let size: Int
    }

    /// The kinds of FAT, which differ in the size of a cluster's number.
    private enum Width: Sendable { case bits12, bits16, bits32 }

    private let disk: Disk
    private let table: [UInt8]
    private let width: Width
    private let clusterSize: Int
    private let clusterCount: Int
    private let dataStart: Int64
    private let rootStart: Int64
    private let rootSize: Int
    private let rootCluster: UInt32

    /// The largest table that is read: 4 MiB, for a volume of 4 GiB with clusters of 4 KiB.
    private static var tableLimit: Int { 4 << 20 }
    /// The most entries of a directory that are read.
    private static var entryLimit: Int { 4096 }

    /// Reads a volume's geometry and its first table.
    ///
    /// - Throws: ``ImageError`` when the volume is not FAT, or its geometry is impossible.
    package init(_ disk: Disk) throws(ImageError) {
        func malformed(_ reason: String) -> ImageError {
            ImageError("the EFI system partition", "it is not a FAT volume: \(reason)", advice: "make the image again")
        }
        let sector = Bytes(try disk.read(512, at: 0))
        guard let sectorSize = sector.little(at: 11, UInt16.self).map({ Int($0) }), sectorSize == 512,
            let perCluster = sector.slice(at: 13, 1)?.first.map({ Int($0) }), perCluster.nonzeroBitCount == 1,
            let reserved = sector.little(at: 14, UInt16.self).map({ Int($0) }), reserved > 0,
            let tables = sector.slice(at: 16, 1)?.first.map({ Int($0) }), (1...2).contains(tables),
            let rootEntries = sector.little(at: 17, UInt16.self).map({ Int($0) }),
            let few = sector.little(at: 19, UInt16.self), let many = sector.little(at: 32, UInt32.self),
            let small = sector.little(at: 22, UInt16.self), let big = sector.little(at: 36, UInt32.self),
            let rootCluster = sector.little(at: 44, UInt32.self), sector.slice(at: 510, 2) == [0x55, 0xAA]
        else { throw malformed("its first sector is not a boot sector of a volume with sectors of 512 bytes") }
        let sectors = Int64(few == 0 ? many : UInt32(few))
        let tableSectors = Int(small == 0 ? big : UInt32(small))
        let rootSize = rootEntries * 32
        let rootStart = Int64(reserved + tables * tableSectors) * 512
        let dataStart = rootStart + Int64((rootSize + 511) / 512 * 512)
        guard sectors * 512 <= disk.size, dataStart < sectors * 512, tableSectors > 0,
            tableSectors <= Self.tableLimit / 512
        else { throw malformed("its sizes are impossible") }
        let clusters = Int((sectors * 512 - dataStart) / Int64(perCluster * 512))
        // The number of clusters alone determines the kind.
        let width: Width = clusters < 4085 ? .bits12 : clusters < 65_525 ? .bits16 : .bits32
        guard (small == 0) == (width == .bits32) else { throw malformed("its kind is ambiguous") }
        self.disk = disk
        self.width = width
        table = try disk.read(tableSectors * 512, at: Int64(reserved) * 512)
        clusterSize = perCluster * 512
        clusterCount = clusters
        self.dataStart = dataStart
        self.rootStart = rootStart
        self.rootSize = rootSize
        self.rootCluster = rootCluster
    }

    /// The entries of the directory with this path; nil if there is none.
    ///
    /// - Throws: ``ImageError`` when a directory is damaged.
    func list(_ path: [String]) throws(ImageError) -> [Entry]? {
        var entries = try rootEntries()
        for name in path {
            guard let entry = entries.first(where: { $0.isDirectory && $0.hasName(name) }) else { return nil }
            entries = try self.entries(in: content(of: entry, limit: Self.entryLimit * 32))
        }
        return entries
    }

    /// The content of a file; nil if there is none.
    ///
    /// - Throws: ``ImageError`` when the file is damaged, or has more than `limit` bytes.
    package func read(_ path: [String], limit: Int) throws(ImageError) -> [UInt8]? {
        guard let name = path.last,
            let entry = try list(path.dropLast())?.first(where: { !$0.isDirectory && $0.hasName(name) })
        else { return nil }
        guard entry.size <= limit else { throw damaged(name, "it has \(entry.size) bytes, more than \(limit)") }
        let content = try content(of: entry, limit: (entry.size + clusterSize - 1) / clusterSize * clusterSize)
        guard content.count >= entry.size else { throw damaged(name, "its content is shorter than its size") }
        return Array(content.prefix(entry.size))
    }

    private func rootEntries() throws(ImageError) -> [Entry] {
        guard width == .bits32 else { return try entries(in: disk.read(rootSize, at: rootStart)) }
        let root = Entry(name: "/", isDirectory: true, firstCluster: rootCluster, size: 0)
        return try entries(in: content(of: root, limit: Self.entryLimit * 32))
    }

    /// The clusters of an entry, in order: at most `limit` bytes.
    private func content(of entry: Entry, limit: Int) throws(ImageError) -> [UInt8] {
        var content: [UInt8] = []
        var cluster = entry.firstCluster
        while content.count < limit, !isEnd(cluster) {
            guard cluster >= 2, Int(cluster) - 2 < clusterCount else {
                throw damaged(entry.name, "its chain of clusters leaves the volume")
            }
            content += try disk.read(clusterSize, at: dataStart + Int64(cluster - 2) * Int64(clusterSize))
            cluster = next(after: cluster)
        }
        // A directory's chain that goes on after the limit may be a loop.
        guard !entry.isDirectory || isEnd(cluster) else { throw damaged(entry.name, "it has too many entries") }
        return content
    }

    private func isEnd(_ cluster: UInt32) -> Bool {
        switch width {
        case .bits12: cluster == 0 || cluster >= 0xFF8
        case .bits16: cluster == 0 || cluster >= 0xFFF8
        case .bits32: cluster == 0 || cluster >= 0x0FFF_FFF8
        }
    }

    /// The number after a cluster in its chain; 0 when the table has no entry for the cluster.
    private func next(after cluster: UInt32) -> UInt32 {
        let table = Bytes(table)
        let number = Int(cluster)
        switch width {
        case .bits12:
            let pair = UInt32(table.little(at: number + number / 2, UInt16.self) ?? 0)
            return number.isMultiple(of: 2) ? pair & 0xFFF : pair >> 4
        case .bits16: return UInt32(table.little(at: number * 2, UInt16.self) ?? 0)
        case .bits32: return (table.little(at: number * 4, UInt32.self) ?? 0) & 0x0FFF_FFFF
        }
    }

    private func damaged(_ name: String, _ reason: String) -> ImageError {
        ImageError("\(name) on the EFI system partition", reason, advice: "make the image again")
    }

    /// Reads the entries of a directory. A long name precedes its short one, in pieces from the last to the first.
    private func entries(in bytes: [UInt8]) throws(ImageError) -> [Entry] {
        var entries: [Entry] = []
        var longName: [UInt16] = []
        for start in stride(from: 0, to: bytes.count - 31, by: 32) {
            let entry = Bytes(bytes[start..<start + 32])
            let attributes = bytes[start + 11]
            if bytes[start] == 0 { break }
            if bytes[start] == 0xE5 {
                longName = []
            } else if attributes & 0x3F == 0x0F {
                longName = Self.piece(of: entry) + longName
            } else {
                if attributes & 0x08 == 0 {
                    entries.append(Entry(entry, longName: longName, isDirectory: attributes & 0x10 != 0))
                }
                longName = []
            }
        }
        guard entries.count <= Self.entryLimit else { throw damaged("a directory", "it has too many entries") }
        return entries.filter { $0.name != "." && $0.name != ".." }
    }

    private static func piece(of entry: Bytes) -> [UInt16] {
        let offsets = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
        let units = offsets.compactMap { entry.little(at: $0, UInt16.self) }
        return Array(units.prefix { $0 != 0 && $0 != 0xFFFF })
    }
}

extension FATVolume.Entry {
    fileprivate init(_ entry: Bytes, longName: [UInt16], isDirectory: Bool) {
        let short = entry.slice(at: 0, 11) ?? []
        let base = String(decoding: short.prefix(8), as: UTF8.self).trimmingTrailingSpaces
        let suffix = String(decoding: short.suffix(3), as: UTF8.self).trimmingTrailingSpaces
        name =
            longName.isEmpty
            ? base + (suffix.isEmpty ? "" : ".\(suffix)") : String(decoding: longName, as: UTF16.self)
        self.isDirectory = isDirectory
        let high = entry.little(at: 20, UInt16.self) ?? 0
        let low = entry.little(at: 26, UInt16.self) ?? 0
        firstCluster = UInt32(high) << 16 | UInt32(low)
        size = Int(entry.little(at: 28, UInt32.self) ?? 0)
    }

    /// Whether the entry has this name. FAT's names have no case.
    func hasName(_ other: String) -> Bool { name.lowercased() == other.lowercased() }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        String(decoding: utf8.reversed().drop { $0 == UInt8(ascii: " ") }.reversed(), as: UTF8.self)
    }
}
