internal import Configuration
internal import LinuxIO
internal import MeasuredBoot
internal import Telemetry

/// The values of the flags of `peerpodctl image uki`.
struct KernelImageOptions: Sendable {
    var stub = ""
    var linux = ""
    var initrd = ""
    var commandLine = ""
    var release = ""
    var kernelVersion = ""
    var output = ""

    static let command = Command(
        "peerpodctl image uki",
        summary: "build a unified kernel image: one program with kernel, command line and initrd",
        details: """
            Appends the sections to systemd's UEFI stub. Equal input gives equal bytes. scripts/image calls this command.
            """,
        defaults: KernelImageOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("stub", \.stub, .path, "systemd's UEFI stub: linuxx64.efi.stub."),
                    Setting("linux", \.linux, .path, "The kernel."),
                    Setting("initrd", \.initrd, .path, "The initrd."),
                    Setting("cmdline", \.commandLine, .path, "A file with the kernel's command line."),
                    Setting("os-release", \.release, .path, "A file with the description of the image."),
                    Setting("uname", \.kernelVersion, .string, "The kernel's version."),
                    Setting("output", \.output, .path, "The file to write."),
                ])
        ])

    /// The flags that are missing, as a sentence each.
    var problems: [String] {
        let required = [
            ("stub", stub), ("linux", linux), ("initrd", initrd), ("cmdline", commandLine), ("os-release", release),
            ("output", output),
        ]
        return required.filter { $0.1.isEmpty }.map { "give -\($0.0)" }
    }
}

/// `peerpodctl image uki`, after its flags have been read.
struct KernelImageCommand: Sendable {
    let options: KernelImageOptions
    let output: Program.Output

    private static let fileLimit = 512 << 20

    /// Writes the image, and returns the exit status.
    func run() -> Int32 {
        do {
            var contents: [(UnifiedKernelImage.Section, [UInt8])] = [
                (.release, try read(options.release)), (.commandLine, Self.commandLine(try read(options.commandLine))),
            ]
            if !options.kernelVersion.isEmpty { contents.append((.kernelVersion, Array(options.kernelVersion.utf8))) }
            contents += [(.linux, try read(options.linux)), (.initrd, try read(options.initrd))]
            let image = try UnifiedKernelImage.build(stub: read(options.stub), contents)
            try DurableFile.write(image.program.bytes, to: options.output, mode: 0o644)
            return ExitStatus.success
        } catch {
            output.error("peerpodctl image uki: \("\(error)".printable())\n")
            return ExitStatus.failure
        }
    }

    private func read(_ path: String) throws -> [UInt8] { try DurableFile.read(path, limit: Self.fileLimit) }

    /// The command line without the newline at the end of its file.
    private static func commandLine(_ text: [UInt8]) -> [UInt8] {
        Array(text.reversed().drop { $0 == UInt8(ascii: "\n") }.reversed())
    }
}
