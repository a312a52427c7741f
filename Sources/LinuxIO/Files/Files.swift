internal import CLinux
internal import Glibc

/// A file that cannot be used as requested.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kernel refused the operation.
    case refused(SystemCallError)
    /// The file has more bytes than its reader accepts.
    case tooLarge(path: String, limit: Int)
    /// Other users can replace the file, or have done so.
    case untrusted(path: String, reason: String)

    /// The reason of the failure, with the path.
    public var description: String {
        switch self {
        case .refused(let error): error.description
        case .tooLarge(let path, let limit): "\(path) has more than \(limit) bytes, which is its limit"
        case .untrusted(let path, let reason): "\(path) \(reason)"
        }
    }

    /// Whether the file is missing.
    public var isMissing: Bool { if case .refused(let error) = self { error.isMissing } else { false } }

    /// Runs `body`, which throws only system call errors and file errors. A system call error becomes ``refused(_:)``.
    static func wrapping<Result>(_ body: () throws -> Result) throws(FileError) -> Result {
        do {
            return try body()
        } catch let error as SystemCallError {
            throw .refused(error)
        } catch let error as FileError {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// Writes files so that a crash leaves either the old content or the new content, never a part.
public enum DurableFile {
    /// Replaces `path`. When this function returns, the new content survives a power cut.
    ///
    /// The bytes go to a temporary file in the same directory. The file is synced and then renamed to `path`. On
    /// failure the old content stays, and no temporary file is left.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemCallError) {
        let (directory, name) = try Files.place(of: path)
        try directory.write(bytes, to: name, mode: mode, syncs: true)
    }

    /// Reads the whole file, if it has at most `limit` bytes.
    public static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try FileError.wrapping {
            let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY, 0) })
            return try content(of: fd, path, limit: limit)
        }
    }

    static func content(of fd: borrowing OwnedFD, _ path: String, limit: Int) throws -> [UInt8] {
        var content: [UInt8] = []
        while true {
            var chunk = [UInt8](repeating: 0, count: 16384)
            let count = try systemCall("read", on: path) { unsafe Glibc.read(fd.rawValue, &chunk, chunk.count) }
            if count == 0 { return content }
            content += chunk[..<count]
            if content.count > limit { throw FileError.tooLarge(path: path, limit: limit) }
        }
    }

    /// Removes a file. When this function returns, a power cut cannot bring it back. A missing file is not an error.
    public static func remove(_ path: String) throws(SystemCallError) {
        do throws(SystemCallError) {
            let (directory, name) = try Files.place(of: path)
            guard try directory.kind(of: name) != nil else { return }
            try directory.remove(name)
            try directory.sync()
        } catch  where error.isMissing {
        }
    }
}

/// Directories and names.
public enum Files {
    /// The directory part of a path.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The last part of a path that does not end with a slash.
    static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// The directory that contains the last name of a path, and that name.
    fileprivate static func place(of path: String) throws(SystemCallError) -> (Directory, name: String) {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let name = name(of: String(trimmed))
        guard !["", ".", ".."].contains(name) else { throw SystemCallError(call: "open", errno: EINVAL, subject: path) }
        return (try Directory.at(parent(of: String(trimmed))), name)
    }

    /// Makes a directory with `mode`, durably. An existing directory is not an error.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try systemCall("mkdir", on: path) { unsafe mkdir(path, mode) }
        } catch  where error.errno == EEXIST && isDirectory(path) {
            return
        }
        try Directory.at(parent(of: path)).sync()
    }

    /// Makes a directory and all its missing parents.
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o700) throws(SystemCallError) {
        if isDirectory(path) { return }
        let above = parent(of: path)
        if above != path { try makeDirectories(above, mode: mode) }
        try makeDirectory(path, mode: mode)
    }

    /// The names in a directory, sorted, without `.` and `..`.
    public static func list(_ path: String) throws(SystemCallError) -> [String] {
        let flags = O_RDONLY | O_DIRECTORY
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0) })
        return try Directory.names(readFrom: fd, at: path)
    }

    /// Removes a file, or a directory with all its content. Follows no links except those before the last name. A
    /// missing path is not an error.
    public static func removeTree(_ path: String) throws(SystemCallError) {
        do throws(SystemCallError) {
            let (directory, name) = try place(of: path)
            try directory.removeTree(name)
        } catch  where error.isMissing {
        }
    }

    /// The absolute path of the file that `path` leads to, without links.
    package static func resolve(_ path: String) throws(SystemCallError) -> String {
        guard let real = unsafe realpath(path, nil) else {
            throw SystemCallError(call: "realpath", errno: errno, subject: path)
        }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    /// The target that is stored in a symbolic link.
    package static func target(ofLink path: String) throws(SystemCallError) -> String {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try systemCall("readlink", on: path) { unsafe readlink(path, &text, text.count) }
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Makes a symbolic link at `path` to `target`.
    public static func link(_ target: String, at path: String) throws(SystemCallError) {
        _ = try systemCall("symlink", on: path) { unsafe symlink(target, path) }
    }

    /// Whether the path exists. False for a dangling link.
    public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Whether the path is a program that this process can run.
    public static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 && !isDirectory(path) }

    /// Whether the path is a directory, or a link to a directory.
    public static func isDirectory(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFDIR } ?? false }

    /// Whether two paths lead to the same file. Links are followed. False if one of them leads to no file.
    public static func isSame(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard unsafe stat(one, &first) == 0, unsafe stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// The inode number of the file that a path leads to; nil if the file is missing.
    public static func number(of path: String) -> UInt64? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// The permission bits. Links are followed; nil if the file is missing.
    public static func permissions(_ path: String) -> UInt32? { mode(path).map { $0 & 0o7777 } }

    /// Makes a new directory (mode 0700). Its path begins with `prefix`.
    public static func makeTemporaryDirectory(prefix: String) throws(SystemCallError) -> String {
        var template = Array("\(prefix)XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, unsafe mkdtemp(base) != nil else { return nil as String? }
            return unsafe String(cString: base)
        }
        guard let made else { throw SystemCallError(call: "mkdtemp", errno: errno, subject: prefix) }
        return made
    }

    private static func mode(_ path: String) -> UInt32? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_mode : nil
    }

    /// Whether the path is a symbolic link.
    public static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}
