import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

@Suite("UnifiedKernelImage")
struct KernelImageTests {
    @Test("has the sections that were added, and the same bytes each time")
    func sections() throws {
        let image = try Program.kernelImage()
        #expect(image[.commandLine] == Array("quiet".utf8)[...])
        #expect(image[.initrd] == Array("an initrd".utf8)[...])
        #expect(image[.microcode] == nil)
        #expect(image.program.bytes == (try Program.kernelImage()).program.bytes)
        let ends = image.program.sections.map { $0.virtualAddress + $0.virtualSize }
        #expect(zip(image.program.sections.dropFirst(), ends).allSatisfy { $0.virtualAddress >= $1 })
    }

    @Test("is not built when the stub's headers have no room, or the stub has the section already")
    func refusedStubs() throws {
        #expect(throws: ImageError.self) {
            try UnifiedKernelImage.build(
                stub: Program.bytes(headerRoom: 512), [(.linux, []), (.initrd, []), (.release, [])])
        }
        let image = try Program.kernelImage().program.bytes
        #expect(throws: ImageError.self) { try UnifiedKernelImage.build(stub: image, [(.linux, [])]) }
    }

    @Test("is refused when it has two sections of one name: the stub could use another one than it measures")
    func twoSections() throws {
        var bytes = try Program.kernelImage().program.bytes
        let program = try PortableExecutable(bytes, name: "test")
        let index = try #require(program.sections.firstIndex { $0.name == ".initrd" })
        bytes.replaceSubrange(
            program.sectionTable + index * 40..<program.sectionTable + index * 40 + 8, with: Array(".cmdline".utf8))
        #expect(throws: ImageError.self) { try UnifiedKernelImage(bytes, name: "test") }
    }

    @Test("a file that is cut anywhere, or has any byte changed, is read or refused, and never crashes the reader")
    func hostile() throws {
        let bytes = Array(try Program.kernelImage().program.bytes)
        for length in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: ImageError.self) { try UnifiedKernelImage(Array(bytes.prefix(length)), name: "test") }
        }
        for index in 0..<1024 {
            for value: UInt8 in [0, 0x7F, 0xFF] {
                var changed = bytes
                changed[index] = value
                if let image = try? UnifiedKernelImage(changed, name: "test") { _ = try? BootMeasurements(of: image) }
            }
        }
    }

    @Test(
        "its Authenticode hash is the one that pesign computes",
        .enabled(if: Tool.areInstalled("pesign"), "needs pesign"))
    func authenticode() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            for program in [Program.bytes(), try Program.kernelImage().program.bytes] {
                let path = directory.path + "/program.efi"
                try DurableFile.write(program, to: path)
                let output = try await Tool.run("pesign", ["--hash", "--in", path], in: directory, on: loop)
                let hash = Hexadecimal.encode(try PortableExecutable(program, name: "test").authenticodeHash())
                #expect(output.contains(hash), "\(output) does not have \(hash)")
            }
        }
    }
}

@Suite("BootMeasurements")
struct BootMeasurementsTests {
    @Test(
        "PCR 8 is the digest of the initdata in the zero register",
        arguments: [
            (
                "8505e4e25e50a27c5dc8147af88efbece627fbea55291911eff832d9ee127781",
                "bddaccb9c52249e97a31baea61b7d91be8221a16e703d92148d04fb8e9c1dfdd"
            )
        ])
    func initdata(digest: String, register: String) throws {
        let digest = try #require(Hexadecimal.decode(digest))
        #expect("\(try BootMeasurements.pcr8(initdataDigest: digest))" == register)
        // A longer digest is cut.
        #expect("\(try BootMeasurements.pcr8(initdataDigest: digest + digest))" == register)
    }

    @Test("PCR 11 changes with each measured section, and not with the stub's code")
    func sections() throws {
        let image = try Program.kernelImage()
        let value = try BootMeasurements(of: image).pcr11
        let other = try UnifiedKernelImage.build(
            stub: Program.bytes(code: [0x90]),
            [
                (.linux, Array(image[.linux] ?? [])), (.initrd, Array(image[.initrd] ?? [])),
                (.release, Array(image[.release] ?? [])), (.commandLine, Array(image[.commandLine] ?? [])),
            ])
        #expect(try BootMeasurements(of: other).pcr11 == value)
        #expect(try BootMeasurements(of: other).pcr4 != BootMeasurements(of: image).pcr4)
        let changed = try UnifiedKernelImage.build(
            stub: Program.bytes(),
            [
                (.release, Array(image[.release] ?? [])), (.commandLine, Array("quiet init=/bin/sh".utf8)),
                (.linux, Array(image[.linux] ?? [])), (.initrd, Array(image[.initrd] ?? [])),
            ])
        #expect(try BootMeasurements(of: changed).pcr11 != value)
    }
}
