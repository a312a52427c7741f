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
            _ = try? TPMCommand.value(of: 8, in: bytes)
            measure(bytes)
            _ = try? VirtualHardDisk.size(inFooter: bytes)
            if let volume = try? FATVolume(disk) {
                let file = try? volume.read(["EFI", "BOOT", "BOOTX64.EFI"], limit: 1 << 20)
                require((file?.count ?? 0) <= 1 << 20)
            }
            if let image = try? UnifiedKernelImage(bytes, name: "input") { _ = try? BootMeasurements(of: image) }
        }
    }

    /// A TPM that gives three parts of the input as its answers. A measurement succeeds only with the computed value.
    private final class HostileTPM: TPMTransport {
        var answers: [[UInt8]]

        init(_ bytes: [UInt8]) {
            let third = bytes.count / 3
            answers = [bytes[..<third], bytes[third..<2 * third], bytes[(2 * third)...]].map(Array.init)
        }

        func answer(to command: [UInt8]) throws(TPMError) -> [UInt8] { answers.isEmpty ? [] : answers.removeFirst() }
    }

    private static func measure(_ bytes: [UInt8]) {
        let digest = [UInt8](repeating: 7, count: 32)
        guard let value = try? InitdataMeasurement.extend(HostileTPM(bytes), withDigest: digest) else { return }
        require(value == (try? BootMeasurements.pcr8(initdataDigest: digest)))
    }
}
