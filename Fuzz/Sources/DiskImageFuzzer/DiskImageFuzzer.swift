internal import Fuzzing
internal import MeasuredBoot

/// The parts of a disk image, and a TPM's answer, are read or refused, in bounded time and memory.
@main
struct DiskImageFuzzer {
    /// The input as a disk.
    private struct Input: DiskReader {
        let bytes: [UInt8]

        var size: Int64 { Int64(bytes.count) }

        func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8] {
            guard offset >= 0, offset <= size, count >= 0, Int64(count) <= size - offset else {
                throw ImageError("the input", "it ends")
            }
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
    }

    static func main() {
        Fuzzer.run { bytes in
            let disk = Input(bytes: bytes)
            _ = try? PartitionTable(of: disk)
            _ = try? VerityTree(on: disk)
            _ = try? TPMCommand.value(in: bytes)
            _ = try? VirtualHardDisk.size(inFooter: bytes)
            if let volume = try? FATVolume(disk) {
                let file = try? volume.read(["EFI", "BOOT", "BOOTX64.EFI"], limit: 1 << 20)
                require((file?.count ?? 0) <= 1 << 20)
            }
            if let image = try? UnifiedKernelImage(bytes, name: "input") { _ = try? BootMeasurements(of: image) }
        }
    }
}
