internal import LinuxIO
internal import TTRPC

/// The directory on this machine that stands for the guest's `/run/kata-containers`, the prefix of the shim's paths.
package struct GuestRunDirectory: Sendable {
    /// The path in the shim.
    package static let guestPath = "/run/kata-containers"

    /// The path on this machine; absolute, so that a thread with another root finds the same directory.
    let directory: String

    /// The directory at this path; created if it does not exist.
    init(at directory: String) throws(SystemCallError) {
        try Files.makeDirectories(directory, mode: 0o755)
        self.directory = try Files.resolve(directory)
    }

    /// The path components of a path of the shim below the directory; nil for a path outside.
    ///
    /// - Throws: a status for a path that is not absolute, contains `..`, or contains a NUL.
    static func names(of path: String) throws(Status) -> [String]? {
        let names = path.split(separator: "/").filter { $0 != "." }.map(String.init)
        guard path.hasPrefix("/"), !names.contains(".."), !path.utf8.contains(0) else {
            throw Status(.invalidArgument, "the path \"\(path)\" is not absolute, contains .., or contains a NUL")
        }
        let own = guestPath.split(separator: "/").map(String.init)
        return names.starts(with: own) ? Array(names.dropFirst(own.count)) : nil
    }

    /// The path on this machine for a path of the shim: in the directory, or unchanged.
    func path(of path: String) throws(Status) -> String {
        guard let names = try GuestRunDirectory.names(of: path) else { return path }
        return ([directory] + names).joined(separator: "/")
    }

    /// The mode of a directory for a requested mode: always includes the owner's rights, without which the VM's
    /// directory could not be removed.
    static func directoryMode(_ mode: UInt32) -> UInt32 { mode & 0o7777 | (ProcessTree.isRoot ? 0 : 0o700) }

    /// Opens a directory below, without following a link.
    ///
    /// Missing directories are created; `prepare` sets their owner and mode.
    func open(
        _ names: some Sequence<String>,
        making prepare: (Directory, String) throws(SystemCallError) -> Void = {
            (parent, name) throws(SystemCallError) in try parent.setMode(0o755, of: name)
        }
    ) throws(SystemCallError) -> Directory {
        var place = try Directory.at(directory)
        for name in names {
            if try place.makeDirectory(name) { try prepare(place, name) }
            place = try place.openDirectory(name)
        }
        return place
    }
}
