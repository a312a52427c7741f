internal import LinuxIO

/// Writes what user data brings into the guest, where its daemons look for it.
public struct Provisioner: Sendable {
    /// What became of user data.
    public struct Outcome: Equatable, Sendable {
        /// The paths of the files that were written, in that order.
        public var written: [String] = []
        /// The files that the guest has no use for, each as a warning names it.
        public var skipped: [String] = []
    }

    /// The directory that stands for `/run/peerpod`.
    public let directory: String
    /// Whether user data may bring the files that are ``GuestFile/isMeasured``.
    public let allowsUnmeasured: Bool

    /// Provisions into `/run/peerpod`, or into `directory` for a simulated guest.
    ///
    /// `allowsUnmeasured` is for guests whose configuration is not attested.
    public init(directory: String = GuestFile.directory, allowsUnmeasured: Bool = false) {
        self.directory = directory
        self.allowsUnmeasured = allowsUnmeasured
    }

    /// Checks the whole of `userData` (a cloud-config, or the base64 of one), then writes its files.
    ///
    /// All or nothing: a document with a file that ``UserDataFile`` refuses, or whose parts their readers could not
    /// read, writes nothing, and a write that fails takes back those before it. Each file appears whole. apf.json,
    /// without which no forwarder starts, is required and comes last, so who sees it sees all. Throws ``BootError``.
    public func provision(userData: [UInt8]) throws(BootError) -> Outcome {
        let (files, skipped) = try checked(UserData.cloudConfig(in: userData))
        do throws(SystemCallError) {
            try Files.makeDirectories(directory, mode: 0o755)
        } catch {
            throw Self.refused(error)
        }
        var written: [String] = []
        for (file, content) in files {
            let path = "\(directory)/\(file.rawValue)"
            do throws(SystemCallError) {
                try DurableFile.write(content, to: path, mode: file.mode)
            } catch {
                // What cannot be removed either is on a file system past helping; the first error says why.
                for path in written { try? DurableFile.remove(path) }
                throw Self.refused(error)
            }
            written.append(path)
        }
        return Outcome(written: written, skipped: skipped)
    }

    private func checked(
        _ config: CloudConfig
    ) throws(BootError) -> (files: [(file: GuestFile, content: [UInt8])], skipped: [String]) {
        var files: [(file: GuestFile, content: [UInt8])] = []
        var skipped: [String] = []
        for (index, entry) in config.files.enumerated() {
            let name = Self.name(entry.path, index)
            switch UserDataFile(path: entry.path, allowsUnmeasured: allowsUnmeasured) {
            case .write(let file):
                let content = Array(entry.content.utf8)
                try file.check(content)
                files.append((file, content))
            case .skip: skipped.append(name)
            case .refuse(let reason):
                throw BootError(
                    .notAllowed, "user data", "it has \(name): \(reason)",
                    advice: "check that a cloud-api-adaptor has made the VM, and check its configuration")
            }
        }
        guard let document = files.firstIndex(where: { $0.file == .bootDocument }) else {
            throw BootError(
                .malformed, "user data", "it has no \(GuestFile.bootDocument.path)",
                advice: "check that a cloud-api-adaptor has made the VM")
        }
        files.append(files.remove(at: document))
        return (files, skipped)
    }

    /// How a message names a file: by its path if that is short and plain, else by its place in the list.
    private static func name(_ path: String, _ index: Int) -> String {
        let isPlain = path.utf8.count <= 128 && path.utf8.allSatisfy(\.isPlainInPath)
        return isPlain && path.hasPrefix("/") ? path : "file \(index + 1) of write_files"
    }

    private static func refused(_ error: SystemCallError) -> BootError {
        BootError(
            .inputOutput, "provisioning", "\(error)",
            advice: "nothing was provisioned; check that the directory is writable and its file system has free space")
    }
}
