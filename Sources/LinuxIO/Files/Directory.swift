internal import CLinux
internal import Glibc

/// An open directory. All operations act on this directory, even if its path leads to another directory in the
/// meantime.
///
/// A name is a single path component, and no operation follows a symbolic link.
public final class Directory: Sendable {
    /// The type of a directory entry.
    public enum Kind: Sendable {
        case file, directory, link, other
    }

    /// The path that the directory was opened with, for errors.
    public let path: String
    let fd: OwnedFD

    init(_ fd: consuming OwnedFD, at path: String) {
        self.fd = fd
        self.path = path
    }

    /// Opens the directory at `path`. Links are followed. There is no check of the users that can write the directory.
    public static func at(_ path: String) throws(SystemCallError) -> Directory {
        let flags = O_RDONLY | O_DIRECTORY
        return Directory(
            OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0) }), at: path)
    }

    /// Whether the directory has been removed. No entry can be made in a removed directory.
    public var isRemoved: Bool { status.map { $0.st_nlink == 0 } ?? true }

    var status: stat? {
        var status = stat()
        return unsafe fstat(fd.rawValue, &status) == 0 ? status : nil
    }

    func path(of name: String) -> String {
        precondition(!name.isEmpty && name != ".." && !name.utf8.contains(UInt8(ascii: "/")), "\(name) is not one name")
        return path.hasSuffix("/") ? path + name : "\(path)/\(name)"
    }

    /// The names in the directory, sorted, without `.` and `..`.
    public func names() throws(SystemCallError) -> [String] {
        // A separate descriptor is necessary, because a descriptor stores the position of the read.
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

    /// The type of the entry `name`; nil if there is no such entry.
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

    /// Makes a directory in this one. Returns false if the name exists already. Not durable before ``sync()``.
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

    /// Opens a directory in this one. There is no check of the users that can write it.
    package func openDirectory(_ name: String) throws(SystemCallError) -> Directory {
        Directory(try openFile(name, O_RDONLY | O_DIRECTORY), at: path(of: name))
    }

    /// Opens the entry `name`, unless it is a link. Does not wait for the other end of a pipe.
    func openFile(_ name: String, _ flags: CInt, mode: UInt32 = 0) throws(SystemCallError) -> OwnedFD {
        let path = path(of: name)
        return OwnedFD(
            owning: try systemCall("openat", on: path) {
                unsafe clinux_open_at(fd.rawValue, name, flags | O_NOFOLLOW | O_NONBLOCK, mode)
            })
    }
}

extension Directory {
    /// Reads a whole regular file that has at most `limit` bytes.
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

    /// Replaces a file. If this process ends in any way, the file has either the old content or the new content.
    ///
    /// The bytes go to a temporary file in the same directory. One rename then replaces the file. On failure the old
    /// content stays, and no temporary file is left. With `syncs` this is also true for a power cut, and the new
    /// content survives a power cut when this function returns. Without `syncs`, a power cut may remove the whole file
    /// until ``syncAll()``.
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
        // A crash may have left a file with this name and other permissions, or a link.
        _ = unsafe unlinkat(fd.rawValue, name, 0)
        let file = try openFile(name, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        // The umask may have removed some of the requested permissions.
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

    /// Removes an entry that is not a directory, without syncing. A missing entry is not an error.
    public func remove(_ name: String) throws(SystemCallError) { try unlink(name, 0) }

    /// Removes a file, a link, or a directory with all its content. The entry `last` of the directory is removed after
    /// all others. A missing entry is not an error.
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

    /// Makes the names in the directory durable.
    public func sync() throws(SystemCallError) {
        _ = try systemCall("fsync", on: path) { fsync(fd.rawValue) }
    }

    /// Makes the names and files in the directory durable. Does not include the content of subdirectories, nor the
    /// directory's own name.
    ///
    /// The kernel starts to write all files before this function waits for the first. So the files share one commit of
    /// the file system's journal.
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
