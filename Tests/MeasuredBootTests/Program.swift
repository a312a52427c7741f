@testable import MeasuredBoot

/// A small UEFI program with one section, as a linker would write it.
enum Program {
    static func bytes(code: [UInt8] = [0xC3], headerRoom: Int = 1536) -> [UInt8] {
        var file: [UInt8] = [0x4D, 0x5A]
        file.pad(to: 0x3C)
        file.append(little: UInt32(0x80))
        file.pad(to: 0x80)
        file += [0x50, 0x45, 0, 0]
        file.append(little: UInt16(0x8664))
        file.append(little: UInt16(1))
        file += [UInt8](repeating: 0, count: 12)
        file.append(little: UInt16(240))
        file.append(little: UInt16(0x206))
        let optional = file.count
        file += [UInt8](repeating: 0, count: 240)
        file.replace(at: optional, little: UInt16(0x20B))
        file.replace(at: optional + 8, little: UInt32(512))
        file.replace(at: optional + 32, little: UInt32(4096))
        file.replace(at: optional + 36, little: UInt32(512))
        file.replace(at: optional + 56, little: UInt32(8192))
        file.replace(at: optional + 60, little: UInt32(headerRoom))
        file.replace(at: optional + 64, little: UInt32(0x1234))
        file.replace(at: optional + 108, little: UInt32(16))
        let raw = (code.count + 511) / 512 * 512
        file +=
            PortableExecutable.Section(
                name: ".text", virtualSize: code.count, virtualAddress: 4096, rawSize: raw, rawOffset: headerRoom
            ).header
        file += [UInt8](repeating: 0, count: headerRoom - file.count)
        file += code
        file.pad(to: 512)
        return file
    }

    /// A unified kernel image of such programs.
    static func kernelImage() throws -> UnifiedKernelImage {
        try UnifiedKernelImage.build(
            stub: bytes(),
            [
                (.release, Array("ID=pod-vm\n".utf8)), (.commandLine, Array("quiet".utf8)),
                (.linux, bytes(code: Array("a kernel".utf8))), (.initrd, Array("an initrd".utf8)),
            ])
    }
}
