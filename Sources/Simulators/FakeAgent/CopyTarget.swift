internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// The directory into which `CopyFile` copies what the node sends: files, directories and links of volumes.
/// A volume of a ConfigMap, Secret or token is a directory of links: kubelet writes the files to a directory with the
/// time as its name, `..data` links to that directory, and each file's name links to `..data/NAME`. Links can have
/// any target, because only the container follows them; this type never writes through a link.
struct CopyTarget: Sendable {
    /// The path of shared files in the shim; kata accepts no other.
    static let guestPath = GuestRunDirectory.guestPath + "/shared/containers"
    /// The kernel's limit for the target of a link.
    private static let linkLimit = 4095

    let tree: GuestRunDirectory

    /// The kind of file of a mode (`S_IFMT` and its values, the same on every Linux).
    private enum Kind {
        static let mask: UInt32 = 0o170000
        static let directory: UInt32 = 0o040000
        static let regular: UInt32 = 0o100000
        static let link: UInt32 = 0o120000
    }

    /// Stores one piece of a file, a directory or a link. The last piece renames the file to its final name.
    ///
    /// - Throws: a status for a path outside the shared directory, and for devices.
    func accept(_ request: CopyFileRequest) throws(Status) {
        let shared = try GuestRunDirectory.names(of: CopyTarget.guestPath) ?? []
        guard let names = try GuestRunDirectory.names(of: request.path), names.starts(with: shared),
            let name = names.last,
            names.count > shared.count
        else {
            throw Status(.invalidArgument, "the path \"\(request.path)\" is not below \(CopyTarget.guestPath)")
        }
        try check(request)
        do throws(SystemCallError) {
            let parent = try tree.open(names.dropLast()) { (parent, name) throws(SystemCallError) in
                try own(name, in: parent, request, mode: GuestRunDirectory.directoryMode(request.directoryMode))
            }
            try put(request, as: name, in: parent)
        } catch {
            guard !error.isNoDirectory else {
                throw Status(.invalidArgument, "the path \"\(request.path)\" goes through a link or a file: \(error)")
            }
            throw Status(.internal, "\(error)")
        }
    }

    private func check(_ request: CopyFileRequest) throws(Status) {
        switch request.fileMode & Kind.mask {
        case Kind.directory: break
        case Kind.link:
            guard 1...CopyTarget.linkLimit ~= request.data.count, !request.data.contains(0) else {
                throw Status(.invalidArgument, "the link \(request.path) has an invalid target")
            }
        case Kind.regular, 0:
            let (end, overflows) = request.offset.addingReportingOverflow(Int64(request.data.count))
            guard request.offset >= 0, !overflows, end <= request.fileSize else {
                throw Status(
                    .invalidArgument,
                    "a piece of \(request.path) at \(request.offset) is outside of its \(request.fileSize) bytes")
            }
        default:
            throw Status(.unimplemented, "only files, directories and links can be copied, unlike \(request.path)")
        }
    }

    private func put(
        _ request: CopyFileRequest, as name: String, in parent: Directory
    ) throws(SystemCallError) {
        let partial = name + ".part"
        switch request.fileMode & Kind.mask {
        case Kind.directory:
            if try parent.kind(of: name) != .directory {
                try parent.remove(name)
                try parent.makeDirectory(name)
            }
            return try own(name, in: parent, request, mode: GuestRunDirectory.directoryMode(request.fileMode))
        case Kind.link:
            try parent.removeTree(partial)
            try parent.link(request.data, at: partial)
            try own(partial, in: parent, request, mode: nil)
        default:
            // As with the real agent, a reader sees the complete file or no file.
            try parent.write(request.data, to: partial, at: request.offset)
            if request.offset + Int64(request.data.count) < request.fileSize { return }
            try own(partial, in: parent, request, mode: request.fileMode)
        }
        if try parent.kind(of: name) == .directory { try parent.removeTree(name) }
        try parent.move(partial, to: name)
    }

    /// Sets owner and mode from the request; the owner only as root.
    private func own(
        _ name: String, in parent: Directory, _ request: CopyFileRequest, mode: UInt32?
    ) throws(SystemCallError) {
        if ProcessTree.isRoot {
            try parent.setOwner(UInt32(bitPattern: request.uid), UInt32(bitPattern: request.gid), of: name)
        }
        if let mode { try parent.setMode(mode & 0o7777, of: name) }
    }
}
