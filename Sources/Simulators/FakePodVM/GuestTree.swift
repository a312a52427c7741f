internal import LinuxIO
internal import TTRPC

/// The guest's `/run/kata-containers`, which paths from the shim begin with, wherever it is on this machine.
struct GuestTree: Sendable {
    /// Where the shim has it.
    static let guestPath = "/run/kata-containers"

    /// The directory that stands for it; absolute, so that it is the same for a thread with a root of its own.
    let directory: String

    /// The tree at `directory`, which is made if it is missing.
    init(at directory: String) throws(SystemCallError) {
        try Files.makeDirectories(directory, mode: 0o755)
        self.directory = try Files.resolve(directory)
    }

    /// The names that lead from the tree to a path of the shim's; nil for a path outside of it.
    ///
    /// - Throws: a status for a path that is not absolute, goes up, or has a NUL.
    static func names(of path: String) throws(Status) -> [String]? {
        let names = path.split(separator: "/").filter { $0 != "." }.map(String.init)
        guard path.hasPrefix("/"), !names.contains(".."), !path.utf8.contains(0) else {
            throw Status(.invalidArgument, "the path \"\(path)\" is not absolute, goes up, or has a NUL")
        }
        let own = guestPath.split(separator: "/").map(String.init)
        return names.starts(with: own) ? Array(names.dropFirst(own.count)) : nil
    }

    /// Where a path of the shim's is on this machine: in the tree, or as it is named.
    func path(of path: String) throws(Status) -> String {
        guard let names = try GuestTree.names(of: path) else { return path }
        return ([directory] + names).joined(separator: "/")
    }

    /// The mode that a directory gets of one that the shim asks for: without root's rights over it, the VM's directory
    /// could not be removed.
    static func directoryMode(_ mode: UInt32) -> UInt32 { mode & 0o7777 | (ProcessTree.isRoot ? 0 : 0o700) }

    /// Opens a directory in the tree, without following a link.
    ///
    /// Those that are missing are made; `prepare` gives them owner and mode.
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
