internal import Configuration
internal import Encoding
internal import JSON
internal import LinuxIO
internal import MeasuredBoot
internal import PodVMBoot
internal import Telemetry

/// The values of the flags of `peerpodctl reference-values`.
struct ReferenceValuesOptions: Sendable {
    /// The form of the report.
    enum Form: String, CaseIterable, Sendable { case trustee, json, text }

    var initdata = ""
    var form = Form.trustee

    static let command = Command(
        "peerpodctl reference-values", summary: "compute what a verifier must find of an image, before it boots",
        details: """
            IMAGE is a raw disk or a fixed VHD that scripts/image has made. The values are the PCRs of the SHA-256 bank after a \
            boot, the root hash, and the SHA-256 hash of the disk. PCR 4 is that of OVMF; the value of Azure's firmware is not \
            known. A verifier must also pin PCR 12 and 13, which are zero: a file that someone adds to the disk changes the \
            kernel's command line, and leaves PCR 11 as it is. PCR 8 has the digest of the initdata.

            With -report trustee (the default), the output is the message for Trustee's reference value provider service.
            """,
        operands: "IMAGE", defaults: ReferenceValuesOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("initdata", \.initdata, .path, "Initdata of a pod: a TOML file. Adds PCR 8."),
                    Setting(
                        "report", \.form, .choice(Form.allCases.map { ($0.rawValue, $0) }),
                        "The form of the output: a message for Trustee, an object of lists, or lines."),
                ])
        ])
}

/// `peerpodctl reference-values`, after its flags have been read.
struct ReferenceValuesCommand: Sendable {
    let options: ReferenceValuesOptions
    let image: String
    let output: Program.Output

    /// Prints the values, and returns the exit status.
    func run() -> Int32 {
        do {
            let values = try ReferenceValues(of: PodVMImage(path: image), initdataDigest: initdataDigest())
            output.standard(Self.text(values, options.form))
            return ExitStatus.success
        } catch {
            output.error("peerpodctl reference-values: \("\(error)".printable())\n")
            return ExitStatus.failure
        }
    }

    private func initdataDigest() throws -> [UInt8]? {
        guard !options.initdata.isEmpty else { return nil }
        let text = try DurableFile.read(options.initdata, limit: Initdata.sizeLimit)
        return try InitdataContent(Initdata(text: text)).digest()
    }

    static func text(_ values: ReferenceValues, _ form: ReferenceValuesOptions.Form) -> String {
        switch form {
        case .trustee: String(decoding: values.message.encoded(indent: 2), as: UTF8.self) + "\n"
        case .json: String(decoding: values.payload.encoded(indent: 2), as: UTF8.self) + "\n"
        case .text: values.values.map { "\($0.name) \($0.value)\n" }.joined()
        }
    }
}
