internal import Configuration
internal import Encoding
internal import LinuxIO
internal import MeasuredBoot
internal import Telemetry

/// The values of the flags of `peerpodctl image vhd-footer`.
struct DiskFooterOptions: Sendable {
    var identifier = ""
    var created = 0
    var output = ""

    static let command = Command(
        "peerpodctl image vhd-footer", summary: "write the footer that makes a raw disk a fixed VHD",
        details: """
            Writes a file of 512 bytes for the raw disk IMAGE. The disk and the footer after it are a fixed VHD, which Azure \
            takes as an image. Equal flags give equal bytes. scripts/image calls this command.
            """,
        operands: "IMAGE", defaults: DiskFooterOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("id", \.identifier, .string("HEX"), "The disk's identifier: 32 hexadecimal digits."),
                    Setting(
                        "created", \.created, .integer(in: 0 ... .max), "The time of creation, in seconds since 1970."),
                    Setting("output", \.output, .path, "The file to write."),
                ])
        ])
}

/// `peerpodctl image vhd-footer`, after its flags have been read.
struct DiskFooterCommand: Sendable {
    let options: DiskFooterOptions
    let image: String
    let output: Program.Output

    /// Writes the footer, and returns the exit status.
    func run() -> Int32 {
        do {
            guard let identifier = Hexadecimal.decode(options.identifier), identifier.count == 16 else {
                throw ImageError("-id", "it does not have 32 hexadecimal digits")
            }
            let size = try RandomAccessFile(image).size
            let footer = try VirtualHardDisk.footer(
                size: size, identifier: identifier, created: Int64(options.created))
            try DurableFile.write(footer, to: options.output, mode: 0o644)
            return ExitStatus.success
        } catch {
            output.error("peerpodctl image vhd-footer: \("\(error)".printable())\n")
            return ExitStatus.failure
        }
    }
}
