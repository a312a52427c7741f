internal import CLinux
internal import Glibc

extension Files {
    /// Writes `bytes` into a file at `offset`. A missing file is created with `mode`. A link is refused.
    public static func write(
        _ bytes: some Sequence<UInt8>, to path: String, at offset: Int64, mode: UInt32 = 0o600
    ) throws(SystemCallError) {
        let flags = O_WRONLY | O_CREAT | O_NOFOLLOW
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, mode) })
        try write(Array(bytes), to: fd.rawValue, at: offset, path)
    }

    /// Makes a file with `bytes`. An existing name, also that of a link, is an error, and its file stays as it is.
    public static func create(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemCallError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, mode) })
        try write(bytes, to: fd.rawValue, at: 0, path)
    }

    static func write(
        _ content: [UInt8], to file: CInt, at offset: Int64, _ path: String
    ) throws(SystemCallError) {
        // The kernel refuses a negative offset and an offset beyond its range, but cannot detect an overflow.
        guard !offset.addingReportingOverflow(Int64(content.count)).overflow else {
            throw SystemCallError(call: "pwrite", errno: EINVAL, subject: path)
        }
        var written = 0
        while written < content.count {
            written += try systemCall("pwrite", on: path) {
                unsafe content.withUnsafeBytes { buffer in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
                    return unsafe pwrite(file, rest.baseAddress, rest.count, off_t(offset) + off_t(written))
                }
            }
        }
    }

    /// Sets the permission bits of a file or directory.
    public static func setPermissions(_ mode: UInt32, of path: String) throws(SystemCallError) {
        _ = try systemCall("chmod", on: path) { unsafe chmod(path, mode) }
    }

    /// Renames a file or directory. It replaces an entry with the name `target`. Not durable until
    /// ``Directory/sync()``.
    public static func move(_ path: String, to target: String) throws(SystemCallError) {
        _ = try systemCall("rename", on: "\(path) to \(target)") { unsafe Glibc.rename(path, target) }
    }

    /// The free space of a file system.
    public struct Space: Equatable, Sendable {
        /// The amounts of one resource: the total, the free part, and the part that is free for every user.
        public struct Count: Equatable, Sendable {
            /// The size of the file system in units of the resource.
            public let total: UInt64
            /// The free amount, including the part that is reserved for root.
            public let free: UInt64
            /// The part of the free amount that every user can use.
            public let available: UInt64
        }

        /// Space for content.
        public let bytes: Count
        /// Space for names (inodes).
        public let files: Count
    }

    /// The space on the file system that holds `path`; nil if `path` does not exist.
    public static func space(at path: String) -> Space? {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        let block = UInt64(status.f_frsize)
        return Space(
            bytes: Space.Count(
                total: UInt64(status.f_blocks) * block, free: UInt64(status.f_bfree) * block,
                available: UInt64(status.f_bavail) * block),
            files: Space.Count(
                total: UInt64(status.f_files), free: UInt64(status.f_ffree), available: UInt64(status.f_favail)))
    }
}
