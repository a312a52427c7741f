internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// Where `CopyFile` puts what the node sends: a directory that stands for the VM's root.
struct CopyTarget: Sendable {
    /// The directory; made when the first file comes.
    let directory: String

    /// Which kind of file a mode means (`S_IFMT` and its values, the same on every Linux).
    private enum Kind {
        static let mask: UInt32 = 0o170000
        static let directory: UInt32 = 0o040000
        static let regular: UInt32 = 0o100000
    }

    /// Takes one piece of a file; the last one gives the file its name.
    ///
    /// - Throws: a status for a path that would leave the directory, and for links and devices.
    func accept(_ request: CopyFileRequest) throws(Status) {
        let path = try place(request.path)
        do {
            try Files.makeDirectories(Files.parent(of: path))
            switch request.fileMode & Kind.mask {
            case Kind.directory:
                try Files.makeDirectories(path)
                try Files.setPermissions(request.fileMode & 0o7777, of: path)
            case Kind.regular, 0:
                // A reader sees the whole file or none, as with the real agent.
                let partial = path + ".part"
                try Files.write(request.data, to: partial, at: request.offset)
                if request.offset + Int64(request.data.count) < request.fileSize { return }
                try Files.setPermissions(request.fileMode & 0o7777, of: partial)
                try Files.move(partial, to: path)
            default:
                throw Status(.unimplemented, "the stand-in copies files and directories only: \(request.path)")
            }
        } catch let error as Status {
            throw error
        } catch {
            throw Status(.internal, "\(error)")
        }
    }

    /// The place of a path that the peer names.
    private func place(_ path: String) throws(Status) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard !parts.isEmpty, !parts.contains(".."), !path.utf8.contains(0) else {
            throw Status(.invalidArgument, "the path \"\(path)\" is empty or leads out of its directory")
        }
        var place = directory
        for part in parts {
            place += "/" + part
            if Files.isLink(place) { throw Status(.invalidArgument, "the path \"\(path)\" goes through a link") }
        }
        return place
    }
}
