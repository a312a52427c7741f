internal import LinuxIO

/// Writes the files of user data into the guest, at the paths from which its daemons read them.
public struct Provisioner: Sendable {
    /// The result of provisioning.
    public struct Outcome: Equatable, Sendable {
        /// The paths of the written files, in the order of writing.
        public var written: [String] = []
        /// The files that the guest does not use, each by its name in warnings.
        public var skipped: [String] = []
    }

    /// The directory that replaces `/run/peerpod`.
    public let directory: String
    /// Whether user data may contain the files that are ``GuestFile/isMeasured``.
    public let allowsUnmeasured: Bool

    /// Provisions into `/run/peerpod`, or into `directory` for a simulated guest.
    ///
    /// `allowsUnmeasured` is for guests whose configuration is not attested.
    public init(directory: String = GuestFile.directory, allowsUnmeasured: Bool = false) {
        self.directory = directory
        self.allowsUnmeasured = allowsUnmeasured
    }

    /// Checks the whole of `userData` (a cloud-config, or its base64), then writes its files.
    ///
    /// It writes all files or none. It writes none if ``UserDataFile`` refuses a file, or if a file's reader could not
    /// parse the file. If a write fails, the files written before are removed. Each write is atomic. apf.json is
    /// required, because no forwarder starts without it. It is written last, so all other files exist before it. Throws
    /// ``BootError``.
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
                // A removal fails only if the file system is broken. The first error has the reason.
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

    /// The name of a file in messages: the path if it is short and plain, else the position in the list.
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
