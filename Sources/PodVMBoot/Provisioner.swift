internal import LinuxIO

/// Writes what user data brings into the guest, where its daemons look for it.
public struct Provisioner: Sendable {
    /// The directory that stands for `/run/peerpod`.
    public let directory: String

    /// Provisions into `/run/peerpod`, or into `directory` where a guest is but pretended.
    public init(directory: String = GuestFile.directory) { self.directory = directory }

    /// Checks the whole of `userData` (a cloud-config, or the base64 of one), then writes its files; returns their paths.
    ///
    /// All or nothing: a document that names a file not on the list of ``GuestFile``, or whose parts their readers could
    /// not read, writes nothing, and a write that fails takes back those before it. Each file appears whole. apf.json,
    /// without which no forwarder starts, is required and comes last, so who sees it sees all. Throws ``BootError``.
    public func provision(userData: [UInt8]) throws(BootError) -> [String] {
        let files = try checked(UserData.cloudConfig(in: userData))
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
        return written
    }

    private func checked(_ config: CloudConfig) throws(BootError) -> [(file: GuestFile, content: [UInt8])] {
        var files: [(file: GuestFile, content: [UInt8])] = []
        let refused = config.files.filter { GuestFile(path: $0.path) == nil }.map {
            $0.path.prefix(128).debugDescription
        }
        guard refused.isEmpty else {
            throw BootError(
                .notAllowed, "user data", "it names files that are not allowed: \(refused.joined(separator: ", "))",
                advice: "the guest writes only \(GuestFile.allCases.map(\.path).joined(separator: ", "))")
        }
        for entry in config.files {
            guard let file = GuestFile(path: entry.path) else { continue }
            let content = Array(entry.content.utf8)
            try file.check(content)
            files.append((file, content))
        }
        guard let document = files.firstIndex(where: { $0.file == .bootDocument }) else {
            throw BootError(
                .malformed, "user data", "it has no \(GuestFile.bootDocument.path)",
                advice: "check that the VM was made by a cloud-api-adaptor")
        }
        files.append(files.remove(at: document))
        return files
    }

    private static func refused(_ error: SystemCallError) -> BootError {
        BootError(
            .inputOutput, "provisioning", "\(error)",
            advice: "nothing was provisioned; see that the directory can be written and has room")
    }
}
