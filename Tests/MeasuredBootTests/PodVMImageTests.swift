import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

@Suite(
    "PodVMImage",
    .enabled(
        if: Tool.areInstalled("sfdisk", "mkfs.vfat", "mcopy", "mmd", "veritysetup"),
        "needs sfdisk, mkfs.vfat, mcopy, mmd and veritysetup"))
struct PodVMImageTests {
    /// A disk image in the making: its parts are made by Debian's tools.
    private struct Disk {
        let directory: TemporaryDirectory
        let loop: EpollLoop

        var path: String { directory.path + "/disk" }
        var system: String { directory.path + "/esp" }

        init(on loop: EpollLoop) async throws {
            directory = try TemporaryDirectory()
            self.loop = loop
            try Files.write([0], to: system, at: 4 << 20 - 1)
            try await run("mkfs.vfat", ["--invariant", "-i", "504f4456", system])
            try await run("mmd", ["-i", system, "::/EFI", "::/EFI/BOOT"])
            try DurableFile.write(try Program.kernelImage().program.bytes, to: directory.path + "/uki.efi")
            try await add("uki.efi", as: "/EFI/BOOT/BOOTX64.EFI")
        }

        @discardableResult
        func run(_ tool: String, _ arguments: [String]) async throws -> String {
            try await Tool.run(tool, arguments, in: directory, on: loop)
        }

        func add(_ file: String, as path: String) async throws {
            try await run("mcopy", ["-i", system, directory.path + "/\(file)", "::\(path)"])
        }

        /// Assembles the disk, with `change` applied to the root hash in the partitions' identifiers. Returns the hash.
        func finish(change: (String) -> String = { $0 }) async throws -> String {
            let (root, verity) = (directory.path + "/root", directory.path + "/verity")
            try DurableFile.write(randomBytes(1 << 20, seed: 31), to: root)
            try await run("veritysetup", ["format", root, verity, "--root-hash-file=\(directory.path)/hash"])
            let hash = String(decoding: try DurableFile.read(directory.path + "/hash", limit: 64), as: UTF8.self)
            try Files.write([0], to: path, at: 8 << 20 - 1)
            let written = change(hash)
            let script = """
                label: gpt
                start=2048, size=8192, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
                start=10240, size=2048, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root, uuid=\(Self.uuid(written.prefix(32)))
                start=12288, size=2048, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5, name=verity, uuid=\(Self.uuid(written.suffix(32)))
                """
            let table = try directory.write(script + "\n", to: "table")
            try await run("sh", ["-c", "sfdisk --quiet \(path) <\(table)"])
            for (file, start) in [(system, 2048), (root, 10_240), (verity, 12_288)] {
                try Files.write(try DurableFile.read(file, limit: 8 << 20), to: path, at: Int64(start) * 512)
            }
            return hash
        }

        private static func uuid(_ digits: Substring) -> String {
            let digits = Array(digits)
            return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
        }
    }

    @Test("reads kernel image and root hash from a disk that Debian's tools have made, raw or as a VHD")
    func whole() async throws {
        try await onLoop { loop in
            let disk = try await Disk(on: loop)
            let hash = try await disk.finish()
            let image = try PodVMImage(path: disk.path)
            #expect(image.rootHash == hash)
            #expect(image.kernelImage.program.bytes == (try Program.kernelImage().program.bytes))
            let sum = try await disk.run("sha256sum", [disk.path])
            #expect(sum.hasPrefix(image.diskHash))
            let footer = try VirtualHardDisk.footer(
                size: image.size, identifier: [UInt8](repeating: 7, count: 16), created: 1_767_225_600)
            try Files.write(footer, to: disk.path, at: image.size)
            let asVHD = try PodVMImage(path: disk.path)
            #expect(try ReferenceValues(of: asVHD) == ReferenceValues(of: image))
            #expect(asVHD.size == image.size)
        }
    }

    @Test(
        "refuses a disk whose EFI system partition has another file: an addon changes the command line, and PCR 11 stays",
        arguments: ["/EFI/BOOT/BOOTX64.EFI.extra.d", "/loader", "/EFI/debian"])
    func addon(directory: String) async throws {
        try await onLoop { loop in
            let disk = try await Disk(on: loop)
            try await disk.run("mmd", ["-i", disk.system, "::\(directory)"])
            try await disk.add("uki.efi", as: "\(directory)/x.addon.efi")
            _ = try await disk.finish()
            let error = #expect(throws: ImageError.self) { try PodVMImage(path: disk.path) }
            // The volume has short names in upper case.
            let name = directory.split(separator: "/").last?.lowercased() ?? ""
            #expect(error?.description.lowercased().contains(name) == true)
        }
    }

    @Test("refuses a disk whose partitions do not have the root hash as their identifiers")
    func otherHash() async throws {
        try await onLoop { loop in
            let disk = try await Disk(on: loop)
            _ = try await disk.finish { "00" + $0.dropFirst(2) }
            #expect(throws: ImageError.self) { try PodVMImage(path: disk.path) }
        }
    }

    @Test(
        "a disk that is cut, or has a changed byte in its table or its file system, is read or refused, and never crashes"
    )
    func hostile() async throws {
        try await onLoop { loop in
            let disk = try await Disk(on: loop)
            _ = try await disk.finish()
            let bytes = try DurableFile.read(disk.path, limit: 8 << 20)
            for length in [0, 511, 512, 1023, 17_407, 1 << 20, 6 << 20] {
                #expect(throws: (any Error).self, "\(length)") {
                    try PodVMImage(DiskInMemory(bytes: Array(bytes.prefix(length))))
                }
            }
            #expect(throws: ImageError.self) {
                var changed = bytes
                changed[512 + 72] ^= 1
                _ = try PartitionTable(of: DiskInMemory(bytes: changed))
            }
            // Changed in place: a copy for each byte takes longer than all reads.
            var system = DiskInMemory(bytes: Array(bytes[1 << 20..<5 << 20]))
            for index in Array(0..<64) + Array(stride(from: 512, to: 24_000, by: 61)) {
                let byte = system.bytes[index]
                system.bytes[index] = 0xFF
                if let volume = try? FATVolume(system) {
                    _ = try? volume.read(["EFI", "BOOT", "BOOTX64.EFI"], limit: 1 << 20)
                }
                system.bytes[index] = byte
            }
        }
    }

    @Test(
        "the VHD's footer has the size and the type that qemu reads",
        .enabled(if: Tool.areInstalled("qemu-img"), "needs qemu-img"))
    func footer() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let path = directory.path + "/disk.vhd"
            let footer = try VirtualHardDisk.footer(
                size: 3 << 20, identifier: [UInt8](repeating: 1, count: 16), created: 1_767_225_600)
            try Files.write(footer, to: path, at: 3 << 20)
            let output = try await Tool.run(
                "qemu-img", ["info", "--output=json", "-f", "vpc", path], in: directory, on: loop)
            #expect(output.contains("\"format\": \"vpc\""))
            #expect(try VirtualHardDisk.size(inFooter: footer) == 3 << 20)
            for index in 0..<footer.count {
                var changed = footer
                changed[index] ^= 0x10
                #expect((try? VirtualHardDisk.size(inFooter: changed)) != .some(3 << 20), "\(index)")
            }
            #expect(throws: ImageError.self) {
                try VirtualHardDisk.footer(size: 3 << 20 + 512, identifier: [], created: 0)
            }
        }
    }
}
