internal import CLinux
internal import Glibc

/// A file that is not as it should be.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kernel refused.
    case refused(SystemCallError)
    /// The file has more bytes than its reader accepts.
    case tooLarge(path: String, limit: Int)

    /// What is the matter, with the path.
    public var description: String {
        switch self {
        case .refused(let error): error.description
        case .tooLarge(let path, let limit): "\(path) has more than the \(limit) bytes that it may have"
        }
    }

    /// Whether the file is not there.
    public var isMissing: Bool { if case .refused(let error) = self { error.isMissing } else { false } }
}

/// Files that are either as they were or as they shall be, whatever happens in between.
public enum DurableFile {
    /// Replaces `path`; returns once the new content would survive a power cut.
    ///
    /// The bytes go to a temporary file beside it, are synced, and take the name in one step.
    /// On failure the old content stays, and nothing else.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemCallError) {
        try replace(path, bytes, mode, syncs: true)
        try syncDirectory(of: path)
    }

    /// Replaces `path`, whatever end this process has. A power cut may take all of it, the old content too, until
    /// ``syncTree(_:)``.
    public static func writeUnsynced(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemCallError) {
        try replace(path, bytes, mode, syncs: false)
    }

    private static func replace(
        _ path: String, _ bytes: [UInt8], _ mode: UInt32, syncs: Bool
    ) throws(SystemCallError) {
        let temporary = "\(path).new"
        do {
            try fill(temporary, bytes, mode, syncs: syncs)
            _ = try systemCall("rename", on: path) { unsafe rename(temporary, path) }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
    }

    /// The whole file, if it has at most `limit` bytes.
    public static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        do {
            let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY, 0) })
            var content: [UInt8] = []
            while true {
                var chunk = [UInt8](repeating: 0, count: 16384)
                let count = try systemCall("read", on: path) { unsafe Glibc.read(fd.rawValue, &chunk, chunk.count) }
                if count == 0 { return content }
                content += chunk[..<count]
                if content.count > limit { throw FileError.tooLarge(path: path, limit: limit) }
            }
        } catch let error as SystemCallError {
            throw .refused(error)
        } catch let error as FileError {
            throw error
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// Removes a file; returns once it would not come back after a power cut. A missing one is fine.
    public static func remove(_ path: String) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try systemCall("unlink", on: path) { unsafe unlink(path) }
        } catch  where error.isMissing {
            return
        }
        try syncDirectory(of: path)
    }

    private static func fill(
        _ path: String, _ bytes: [UInt8], _ mode: UInt32, syncs: Bool
    ) throws(SystemCallError) {
        // A leftover of a crash may stand there, with other rights.
        _ = unsafe unlink(path)
        let flags = O_WRONLY | O_CREAT | O_EXCL
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, mode) })
        // The umask may not take away what was asked for.
        _ = try systemCall("fchmod", on: path) { fchmod(fd.rawValue, mode) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try systemCall("write", on: path) {
                unsafe rest.withUnsafeBytes { unsafe Glibc.write(fd.rawValue, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
        if syncs { _ = try systemCall("fsync", on: path) { fsync(fd.rawValue) } }
    }

    /// Makes a directory, the files in it and its own name durable; not what is in directories in it.
    ///
    /// The kernel begins to write all files before the first is waited for, so that they share one commit of the file
    /// system's journal.
    public static func syncTree(_ directory: String) throws(SystemCallError) {
        let paths = try Files.list(directory).map { "\(directory)/\($0)" }.filter(Files.isRegular)
        for path in paths {
            let fd = try open(path, O_RDONLY | O_NOFOLLOW)
            _ = try systemCall("sync_file_range", on: path) { clinux_start_writing(fd.rawValue) }
        }
        for path in paths { try sync(path, O_RDONLY | O_NOFOLLOW) }
        try sync(directory, O_RDONLY | O_DIRECTORY)
        try syncDirectory(of: directory)
    }

    /// Makes names in the directory that holds `path` durable.
    static func syncDirectory(of path: String) throws(SystemCallError) {
        try sync(Files.parent(of: path), O_RDONLY | O_DIRECTORY)
    }

    private static func sync(_ path: String, _ flags: CInt) throws(SystemCallError) {
        let fd = try open(path, flags)
        _ = try systemCall("fsync", on: path) { fsync(fd.rawValue) }
    }

    private static func open(_ path: String, _ flags: CInt) throws(SystemCallError) -> OwnedFD {
        OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0) })
    }
}

/// Directories and names.
public enum Files {
    /// The directory part of a path.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a directory, with `mode`, and durably unless told otherwise; one that is there is fine.
    public static func makeDirectory(
        _ path: String, mode: UInt32 = 0o700, isDurable: Bool = true
    ) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try systemCall("mkdir", on: path) { unsafe mkdir(path, mode) }
        } catch  where error.errno == EEXIST && isDirectory(path) {
            return
        }
        if isDurable { try DurableFile.syncDirectory(of: path) }
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
        guard let directory = unsafe opendir(path) else {
            throw SystemCallError(call: "opendir", errno: errno, subject: path)
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a file or a directory with all that is in it, following no links. Missing is fine.
    public static func removeTree(_ path: String) throws(SystemCallError) {
        if isDirectory(path), !isLink(path) {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
            do throws(SystemCallError) {
                _ = try systemCall("rmdir", on: path) { unsafe rmdir(path) }
            } catch  where error.isMissing {
                return
            }
        } else {
            do throws(SystemCallError) {
                _ = try systemCall("unlink", on: path) { unsafe unlink(path) }
            } catch  where error.isMissing {
                return
            }
        }
    }

    /// Gives a file or directory another name, replacing what has it.
    public static func rename(_ path: String, to target: String) throws(SystemCallError) {
        _ = try systemCall("rename", on: "\(path) to \(target)") { unsafe Glibc.rename(path, target) }
        try DurableFile.syncDirectory(of: target)
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

    /// Whether it is a regular file, and not a link to one.
    static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

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
