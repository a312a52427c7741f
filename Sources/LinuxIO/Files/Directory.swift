internal import CLinux
internal import Glibc

/// A directory that is held open: what is done in it is done in this very directory, whatever its path leads to
/// meanwhile.
///
/// Names are single ones, and no operation follows a symbolic link.
public final class Directory: Sendable {
    /// What has a name in a directory.
    public enum Kind: Sendable {
        case file, directory, link, other
    }

    /// The path that it was opened by, for errors.
    public let path: String
    let fd: OwnedFD

    init(_ fd: consuming OwnedFD, at path: String) {
        self.fd = fd
        self.path = path
    }

    /// The directory that a path leads to, without a check of who may write it; links are followed.
    public static func at(_ path: String) throws(SystemCallError) -> Directory {
        let flags = O_RDONLY | O_DIRECTORY
        return Directory(
            OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0) }), at: path)
    }

    /// Whether it has lost its name, and nothing can be made in it any more.
    public var isRemoved: Bool { status.map { $0.st_nlink == 0 } ?? true }

    var status: stat? {
        var status = stat()
        return unsafe fstat(fd.rawValue, &status) == 0 ? status : nil
    }

    func path(of name: String) -> String {
        precondition(!name.isEmpty && name != ".." && !name.utf8.contains(UInt8(ascii: "/")), "\(name) is not one name")
        return path.hasSuffix("/") ? path + name : "\(path)/\(name)"
    }

    /// The names in it, sorted, without `.` and `..`.
    public func names() throws(SystemCallError) -> [String] {
        // A descriptor of its own, for it has the place up to which was read.
        try Self.names(readFrom: try openFile(".", O_RDONLY | O_DIRECTORY), at: path)
    }

    static func names(readFrom fd: consuming OwnedFD, at path: String) throws(SystemCallError) -> [String] {
        let number = fd.disowned()
        guard let stream = unsafe fdopendir(number) else {
            let error = SystemCallError(call: "fdopendir", errno: errno, subject: path)
            Glibc.close(number)
            throw error
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// What has that name; nil when nothing has.
    public func kind(of name: String) throws(SystemCallError) -> Kind? {
        guard let status = try status(of: name) else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
    }

    func status(of name: String) throws(SystemCallError) -> stat? {
        let path = path(of: name)
        var status = stat()
        do throws(SystemCallError) {
            _ = try systemCall("fstatat", on: path) {
                unsafe fstatat(fd.rawValue, name, &status, AT_SYMLINK_NOFOLLOW)
            }
            return status
        } catch  where error.isMissing {
            return nil
        }
    }

    /// Makes a directory in it; false when something has that name already. Not durable before ``sync()``.
    @discardableResult
    public func makeDirectory(_ name: String, mode: UInt32 = 0o700) throws(SystemCallError) -> Bool {
        let path = path(of: name)
        do throws(SystemCallError) {
            _ = try systemCall("mkdirat", on: path) { unsafe mkdirat(fd.rawValue, name, mode) }
            return true
        } catch  where error.errno == EEXIST {
            return false
        }
    }

    /// A directory in it, without a check of who may write that one.
    package func openDirectory(_ name: String) throws(SystemCallError) -> Directory {
        Directory(try openFile(name, O_RDONLY | O_DIRECTORY), at: path(of: name))
    }

    /// Opens what has that name, unless it is a link. Does not wait for the other end of a pipe.
    func openFile(_ name: String, _ flags: CInt, mode: UInt32 = 0) throws(SystemCallError) -> OwnedFD {
        let path = path(of: name)
        return OwnedFD(
            owning: try systemCall("openat", on: path) {
                unsafe clinux_open_at(fd.rawValue, name, flags | O_NOFOLLOW | O_NONBLOCK, mode)
            })
    }
}

extension Directory {
    /// A whole file, if it is one and has at most `limit` bytes.
    public func read(_ name: String, limit: Int) throws(FileError) -> [UInt8] {
        let path = path(of: name)
        do throws(FileError) {
            return try FileError.wrapping {
                let file = try openFile(name, O_RDONLY)
                var status = stat()
                guard unsafe fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                    throw FileError.untrusted(path: path, reason: "is not a regular file: remove it")
                }
                return try DurableFile.content(of: file, path, limit: limit)
            }
        } catch .refused(let error) where error.errno == ELOOP {
            throw .untrusted(path: path, reason: "is a symbolic link instead of a file: remove it")
        }
    }

    /// Replaces a file; whatever ends this process, it has the old content or the new.
    ///
    /// The bytes go to a temporary file beside it, and take the name in one step. On failure the old content stays, and
    /// nothing else. With `syncs` that holds for a power cut too, and the new content would survive one when this
    /// returns; without, a power cut may take all of the file until ``syncAll()``.
    public func write(
        _ bytes: [UInt8], to name: String, mode: UInt32 = 0o600, syncs: Bool
    ) throws(SystemCallError) {
        let temporary = "\(name).new"
        do {
            try fill(temporary, bytes, mode, syncs: syncs)
            let path = path(of: name)
            _ = try systemCall("renameat", on: path) {
                unsafe renameat(fd.rawValue, temporary, fd.rawValue, name)
            }
        } catch {
            _ = unsafe unlinkat(fd.rawValue, temporary, 0)
            throw error
        }
        if syncs { try sync() }
    }

    private func fill(_ name: String, _ bytes: [UInt8], _ mode: UInt32, syncs: Bool) throws(SystemCallError) {
        let path = path(of: name)
        // A leftover of a crash may stand there, with other rights, or a link.
        _ = unsafe unlinkat(fd.rawValue, name, 0)
        let file = try openFile(name, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        // The umask may not take away what was asked for.
        _ = try systemCall("fchmod", on: path) { fchmod(file.rawValue, mode) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try systemCall("write", on: path) {
                unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.rawValue, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
        if syncs { _ = try systemCall("fsync", on: path) { fsync(file.rawValue) } }
    }

    /// Removes a name that is not a directory's, without syncing. A missing one is fine.
    public func remove(_ name: String) throws(SystemCallError) { try unlink(name, 0) }

    /// Removes a file, a link, or a directory with all that is in it; what has the name `last` in it goes after all
    /// else. Missing is fine.
    public func removeTree(_ name: String, last: String? = nil) throws(SystemCallError) {
        do throws(SystemCallError) {
            try unlink(name, 0)
        } catch  where error.errno == EISDIR {
            do throws(SystemCallError) {
                let tree = try openDirectory(name)
                for name in try tree.names() where name != last { try tree.removeTree(name) }
                if let last { try tree.removeTree(last) }
            } catch  where error.isMissing {
                return
            }
            try unlink(name, AT_REMOVEDIR)
        }
    }

    private func unlink(_ name: String, _ flags: CInt) throws(SystemCallError) {
        let path = path(of: name)
        do throws(SystemCallError) {
            _ = try systemCall("unlinkat", on: path) { unsafe unlinkat(fd.rawValue, name, flags) }
        } catch  where error.isMissing {
        }
    }

    /// Makes the names in it durable.
    public func sync() throws(SystemCallError) {
        _ = try systemCall("fsync", on: path) { fsync(fd.rawValue) }
    }

    /// Makes the names in it and the files in it durable; not what is in directories in it, nor its own name.
    ///
    /// The kernel begins to write all files before the first is waited for, so that they share one commit of the file
    /// system's journal.
    public func syncAll() throws(SystemCallError) {
        var files: [String] = []
        for name in try names() where try kind(of: name) == .file { files.append(name) }
        for name in files {
            let path = path(of: name)
            let file = try openFile(name, O_RDONLY)
            _ = try systemCall("sync_file_range", on: path) { clinux_start_writing(file.rawValue) }
        }
        for name in files {
            let path = path(of: name)
            let file = try openFile(name, O_RDONLY)
            _ = try systemCall("fsync", on: path) { fsync(file.rawValue) }
        }
        try sync()
    }
}
