internal import CLinux
internal import Glibc

/// Steps that create a file or a link in a directory. None of these steps is durable.
extension Directory {
    /// Writes `bytes` into a file. A missing file is created for this user only. At offset 0 the old content is removed
    /// first.
    ///
    /// - Throws: ``SystemCallError``, also if the name is not a regular file.
    package func write(_ bytes: [UInt8], to name: String, at offset: Int64) throws(SystemCallError) {
        let path = path(of: name)
        let file = try openFile(name, O_WRONLY | O_CREAT | (offset == 0 ? O_TRUNC : 0), mode: 0o600)
        var status = stat()
        guard unsafe fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SystemCallError(call: "pwrite", errno: EINVAL, subject: path)
        }
        try Files.write(bytes, to: file.rawValue, at: offset, path)
    }

    /// Makes a link to `target`.
    package func link(_ target: [UInt8], at name: String) throws(SystemCallError) {
        let text = target + [0]
        let path = path(of: name)
        _ = try systemCall("symlinkat", on: path) {
            unsafe text.withUnsafeBytes { buffer -> CInt in
                guard let start = buffer.baseAddress else { return -1 }
                return unsafe symlinkat(start.assumingMemoryBound(to: CChar.self), fd.rawValue, name)
            }
        }
    }

    /// Sets the permission bits of the entry `name`, but never of a link. `.` is the directory itself.
    package func setMode(_ mode: UInt32, of name: String) throws(SystemCallError) {
        let path = path(of: name)
        // The change applies to the opened file. fchmodat(2) would follow a link.
        let held = try openFile(name, clinux_path_only)
        _ = try systemCall("chmod", on: path) { unsafe chmod("/proc/self/fd/\(held.rawValue)", mode) }
    }

    /// Sets the owner and the group of the entry `name`, which may be a link. nil leaves the value unchanged.
    package func setOwner(_ user: UInt32?, _ group: UInt32?, of name: String) throws(SystemCallError) {
        let path = path(of: name)
        _ = try systemCall("fchownat", on: path) {
            unsafe fchownat(fd.rawValue, name, user ?? .max, group ?? .max, AT_SYMLINK_NOFOLLOW)
        }
    }

    /// Renames an entry. It replaces a file or link with the name `other`. Not durable until ``sync()``.
    package func move(_ name: String, to other: String) throws(SystemCallError) {
        let path = path(of: other)
        _ = try systemCall("renameat", on: path) { unsafe renameat(fd.rawValue, name, fd.rawValue, other) }
    }
}
