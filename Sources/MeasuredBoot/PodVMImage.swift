internal import Encoding
internal import LinuxIO
internal import TLS

/// A pod VM's disk image: a raw disk or a fixed VHD with an EFI system partition, a root file system, and the root's
/// verity tree.
public struct PodVMImage: Sendable {
    /// The program that the firmware starts: `EFI/BOOT/BOOTX64.EFI`.
    let kernelImage: UnifiedKernelImage
    /// The root hash of the verity tree, in hexadecimal; nil if the image has no tree.
    let rootHash: String?
    /// The SHA-256 hash of the disk without a VHD's footer, in hexadecimal.
    let diskHash: String
    /// The size of the disk without a VHD's footer, in bytes.
    public let size: Int64

    private static let kernelImagePath = ["EFI", "BOOT", "BOOTX64.EFI"]
    /// The largest kernel image that is read, in bytes.
    private static let kernelImageLimit = 512 << 20

    /// Reads an image.
    ///
    /// - Throws: ``ImageError`` when the file is not such an image, when the EFI system partition has other files than the
    ///   kernel image, or when the root partitions' identifiers are not the root hash; ``TLSError`` from OpenSSL.
    public init(path: String) throws {
        let file: RandomAccessFile
        do throws(SystemCallError) {
            file = try RandomAccessFile(path)
        } catch {
            throw ImageError(path, "\(error)")
        }
        try self.init(Self.disk(file, path))
    }

    /// The disk in a file, without the footer of a VHD.
    private static func disk(_ file: RandomAccessFile, _ path: String) throws(ImageError) -> DiskFile {
        let whole = DiskFile(file: file, path: path, size: file.size)
        let footerSize = Int64(VirtualHardDisk.footerSize)
        guard whole.size > footerSize else { throw ImageError(path, "the file is too small for a disk image") }
        let footer = try whole.read(VirtualHardDisk.footerSize, at: whole.size - footerSize)
        guard let size = try VirtualHardDisk.size(inFooter: footer) else { return whole }
        guard size == whole.size - footerSize else {
            throw ImageError(path, "its VHD footer says \(size) bytes, but the disk has \(whole.size - footerSize)")
        }
        return DiskFile(file: file, path: path, size: size)
    }

    init(_ disk: some DiskReader) throws {
        let table = try PartitionTable(of: disk)
        let systems = table.partitions.filter(\.isSystemPartition)
        guard let system = systems.first, systems.count == 1 else {
            throw ImageError("the partition table", "it has \(systems.count) EFI system partitions instead of 1")
        }
        kernelImage = try Self.kernelImage(
            on: FATVolume(DiskPart(whole: disk, start: system.start, size: system.size)))
        rootHash = try Self.rootHash(table, of: disk)
        diskHash = try Self.hash(of: disk)
        size = disk.size
    }

    /// Reads the kernel image, and refuses all else: an addon beside it changes the command line, and another program
    /// could be started in its place.
    private static func kernelImage(on volume: FATVolume<some DiskReader>) throws -> UnifiedKernelImage {
        let subject = "the EFI system partition"
        for (depth, name) in kernelImagePath.enumerated() {
            let parent = Array(kernelImagePath.prefix(depth))
            let names = try volume.list(parent)?.map(\.name) ?? []
            guard names.contains(where: { $0.lowercased() == name.lowercased() }) else {
                throw ImageError(subject, "it has no \(kernelImagePath.joined(separator: "/"))")
            }
            if let other = names.first(where: { $0.lowercased() != name.lowercased() }) {
                throw ImageError(
                    subject, "it has \((parent + [other]).joined(separator: "/")) beside the kernel image",
                    advice: "such a file can change the command line or the started program; use an unchanged image")
            }
        }
        guard let program = try volume.read(kernelImagePath, limit: kernelImageLimit) else {
            throw ImageError(subject, "its \(kernelImagePath.joined(separator: "/")) is not a file")
        }
        return try UnifiedKernelImage(program, name: "the kernel image")
    }

    /// The root hash, which is computed from the tree and compared with the partitions' identifiers.
    private static func rootHash(_ table: PartitionTable, of disk: some DiskReader) throws -> String? {
        for partition in table.partitions where !partition.isSystemPartition {
            let part = DiskPart(whole: disk, start: partition.start, size: partition.size)
            guard let tree = try VerityTree(on: part) else { continue }
            let hash = Hexadecimal.encode(tree.rootHash)
            guard partition.uuid == hash.suffix(32), table.partitions.contains(where: { $0.uuid == hash.prefix(32) })
            else {
                throw ImageError(
                    "the verity tree", "its root hash \(hash) is not in the identifiers of the root partitions",
                    advice: "make the image again")
            }
            return hash
        }
        return nil
    }

    private static func hash(of disk: some DiskReader) throws -> String {
        var hash = try IncrementalHash(.sha256)
        var offset: Int64 = 0
        while offset < disk.size {
            let piece = try disk.read(Int(min(4 << 20, disk.size - offset)), at: offset)
            try hash.update(piece)
            offset += Int64(piece.count)
        }
        return Hexadecimal.encode(try hash.finish())
    }
}
