internal import Encoding
internal import TLS

/// The files to write for checked user data, and the digest of its initdata.
struct ProvisioningPlan: Sendable {
    /// A file of the guest.
    struct File: Equatable, Sendable {
        let name: String
        let content: [UInt8]
        let mode: UInt32
    }

    /// The files in the order of writing. apf.json is the last.
    let files: [File]
    /// The files of user data that the guest does not use, each by its name in warnings.
    let skipped: [String]
    /// nil: there is no initdata.
    let initdataDigest: [UInt8]?

    /// Checks a cloud-config.
    ///
    /// - Throws: ``BootError`` if ``UserDataFile`` refuses a file, if a file's reader could not parse the file, or if
    ///   the initdata is not as ``MeasuredFiles`` describes.
    init(_ config: CloudConfig, _ rules: Provisioner.Rules) throws(BootError) {
        var files: [(file: GuestFile, content: [UInt8])] = []
        var skipped: [String] = []
        for (index, entry) in config.files.enumerated() {
            let name = Self.name(entry.path, index)
            switch UserDataFile(path: entry.path, allowsUnmeasured: rules.allowsUnmeasured) {
            case .write(let file):
                guard !files.contains(where: { $0.file == file }) else {
                    throw Self.refused(.malformed, "it has \(name) twice")
                }
                let content = Array(entry.content.utf8)
                try file.check(content)
                files.append((file, content))
            case .skip: skipped.append(name)
            case .refuse(let reason): throw Self.refused(.notAllowed, "it has \(name): \(reason)")
            }
        }
        guard let document = files.firstIndex(where: { $0.file == .bootDocument }) else {
            throw Self.refused(.malformed, "it has no \(GuestFile.bootDocument.path)")
        }
        files.append(files.remove(at: document))
        let initdata = try files.first { $0.file == .initdata }.map { file throws(BootError) in
            try MeasuredFiles(packed: file.content)
        }
        guard initdata != nil || !rules.requiresInitdata else {
            throw BootError(
                .notAllowed, "user data", "it has no initdata, and this image starts no pod without it",
                advice: "give the pod the annotation io.katacontainers.config.hypervisor.cc_init_data, or the adaptor"
                    + " -initdata")
        }
        var measured = initdata?.files ?? []
        if let twice = measured.first(where: { file in files.contains { $0.file.rawValue == file.name } }) {
            throw Self.refused(.notAllowed, "both it and the initdata have \(twice.name)")
        }
        if !measured.contains(where: { $0.name == MeasuredFiles.policy }) {
            measured.append(MeasuredFiles.file(MeasuredFiles.policy, rules.defaultPolicy))
        }
        let given = files.map { File(name: $0.file.rawValue, content: $0.content, mode: $0.file.mode) }
        self.files = given.dropLast() + measured + given.suffix(1)
        self.skipped = skipped
        initdataDigest = initdata?.digest
    }

    /// The name of a file in messages: the path if it is short and plain, else the position in the list.
    private static func name(_ path: String, _ index: Int) -> String {
        let isPlain = path.utf8.count <= 128 && path.utf8.allSatisfy(\.isPlainInPath)
        return isPlain && path.hasPrefix("/") ? path : "file \(index + 1) of write_files"
    }

    private static func refused(_ code: BootError.Code, _ reason: String) -> BootError {
        BootError(
            code, "user data", reason,
            advice: "check that a cloud-api-adaptor has made the VM, and check its configuration")
    }
}

/// The files that a guest makes from its initdata: the digest, and the files of its table `data`.
private struct MeasuredFiles {
    let digest: [UInt8]
    let files: [ProvisioningPlan.File]

    static let policy = "policy.rego"
    /// The files that the owner of the workload may give. A guest that ignored another one could be less strict than the
    /// owner expects.
    static let known = ["aa.toml", "cdh.toml", policy]

    init(packed: [UInt8]) throws(BootError) {
        let content = try InitdataContent(Initdata(packed: String(decoding: packed, as: UTF8.self)))
        if let other = content.files.first(where: { !Self.known.contains($0.name) }) {
            throw BootError(
                .notAllowed, "initdata",
                "its table data has \"\(other.name.prefix(64))\", which this guest"
                    + " does not use",
                advice: "remove it from the initdata, or use an image that knows it; this one knows "
                    + Self.known.joined(separator: ", "))
        }
        do throws(TLSError) {
            digest = try content.digest()
        } catch {
            throw BootError(
                .inputOutput, "initdata", "its digest cannot be computed: \(error.reason)",
                advice: "check OpenSSL in the image")
        }
        // The attesters read the digest without a line end.
        files =
            [Self.file("initdata.digest", Hexadecimal.encode(digest))]
            + content.files.map { Self.file($0.name, $0.content) }
    }

    static func file(_ name: String, _ content: String) -> ProvisioningPlan.File {
        ProvisioningPlan.File(name: name, content: Array(content.utf8), mode: 0o644)
    }
}
