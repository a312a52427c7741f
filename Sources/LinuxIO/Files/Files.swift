internal import CLinux
internal import Glibc

/// A file that is not as it should be.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kernel refused.
    case refused(SystemCallError)
    /// The file has more bytes than its reader accepts.
    case tooLarge(path: String, limit: Int)
    /// Others could have put something else there, or have done so.
    case untrusted(path: String, reason: String)

    /// What failed, with the path.
    public var description: String {
        switch self {
        case .refused(let error): error.description
        case .tooLarge(let path, let limit): "\(path) has more than \(limit) bytes, which is its limit"
        case .untrusted(let path, let reason): "\(path) \(reason)"
        }
    }

    /// Whether the file is not there.
    public var isMissing: Bool { if case .refused(let error) = self { error.isMissing } else { false } }

    /// Runs `body`, which throws system call errors and file errors only; the former become ``refused(_:)``.
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

/// Writes files so that a crash leaves the old content or the new, never a part.
public enum DurableFile {
    /// Replaces `path`; returns once the new content would survive a power cut.
    ///
    /// The bytes go to a temporary file beside it, are synced, and take the name in one step.
    /// On failure the old content stays, and nothing else.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemCallError) {
        let (directory, name) = try Files.place(of: path)
        try directory.write(bytes, to: name, mode: mode, syncs: true)
    }

    /// The whole file, if it has at most `limit` bytes.
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

    /// Removes a file; returns once it would not come back after a power cut. A missing one is fine.
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

    /// The directory that has a path's last name, and that name.
    fileprivate static func place(of path: String) throws(SystemCallError) -> (Directory, name: String) {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let name = name(of: String(trimmed))
        guard !["", ".", ".."].contains(name) else { throw SystemCallError(call: "open", errno: EINVAL, subject: path) }
        return (try Directory.at(parent(of: String(trimmed))), name)
    }

    /// Makes a directory, with `mode`, and durably; one that is there is fine.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try systemCall("mkdir", on: path) { unsafe mkdir(path, mode) }
        } catch  where error.errno == EEXIST && isDirectory(path) {
            return
        }
        try Directory.at(parent(of: path)).sync()
    }

    /// Makes a directory and all above it.
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

    /// Removes a file or a directory with all that is in it, following no links but those in front of the last name.
    /// Missing is fine.
    public static func removeTree(_ path: String) throws(SystemCallError) {
        do throws(SystemCallError) {
            let (directory, name) = try place(of: path)
            try directory.removeTree(name)
        } catch  where error.isMissing {
        }
    }

    /// The path of what `path` leads to, absolute and without links.
    package static func resolve(_ path: String) throws(SystemCallError) -> String {
        guard let real = unsafe realpath(path, nil) else {
            throw SystemCallError(call: "realpath", errno: errno, subject: path)
        }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    /// What a symbolic link says it leads to.
    package static func target(ofLink path: String) throws(SystemCallError) -> String {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try systemCall("readlink", on: path) { unsafe readlink(path, &text, text.count) }
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Makes a symbolic link at `path` that leads to `target`.
    public static func link(_ target: String, at path: String) throws(SystemCallError) {
        _ = try systemCall("symlink", on: path) { unsafe symlink(target, path) }
    }

    /// Whether anything has that name (a dangling link has not).
    public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Whether a program of that name can be run.
    public static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 && !isDirectory(path) }

    /// Whether it is a directory, or a link to one.
    public static func isDirectory(_ path: String) -> Bool { mode(path).map { $0 & S_IFMT == S_IFDIR } ?? false }

    /// Whether two paths lead to one file, links followed; not when either leads nowhere.
    public static func isSame(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard unsafe stat(one, &first) == 0, unsafe stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// The number on its file system of what a path leads to; nil when missing.
    public static func number(of path: String) -> UInt64? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// The permission bits, following links; nil when missing.
    public static func permissions(_ path: String) -> UInt32? { mode(path).map { $0 & 0o7777 } }

    /// A fresh directory (mode 0700) whose path begins with `prefix`.
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

    /// Whether it is a symbolic link.
    public static func isLink(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}
