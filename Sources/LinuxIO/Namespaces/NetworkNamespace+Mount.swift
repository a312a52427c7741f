internal import CLinux
internal import Glibc

extension NetworkNamespace {
    /// Mounts the namespace at a path, as `ip netns add` does. The mount keeps the namespace alive until
    /// ``unmount(_:)``.
    ///
    /// The missing parent directories are made. Does nothing if the namespace is already mounted there. Uses an
    /// existing empty file, such as an unmounted namespace leaves. Needs `CAP_SYS_ADMIN`.
    /// - Throws: ``SystemCallError``, with `EEXIST` if the path belongs to another file.
    public func mount(at path: String) throws(SystemCallError) {
        try Files.makeDirectories(Files.parent(of: path), mode: 0o755)
        do throws(SystemCallError) {
            let flags = O_RDONLY | O_CREAT | O_EXCL
            _ = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0o444) })
        } catch  where error.errno == EEXIST {
            if let there = try? NetworkNamespace(opening: path), there.isSame(as: self) { return }
            guard NetworkNamespace.isVacant(path) else { throw error }
        }
        do throws(SystemCallError) {
            _ = try systemCall("mount", on: path) { unsafe clinux_bind("/proc/thread-self/fd/\(rawDescriptor)", path) }
        } catch {
            _ = unsafe unlink(path)
            throw error
        }
    }

    /// Removes a namespace's path. The namespace exists as long as another object or process holds it.
    ///
    /// Does nothing if the path is missing. Needs `CAP_SYS_ADMIN`.
    /// - Throws: ``SystemCallError``, with `EEXIST` if the path is neither a namespace nor the file that an unmounted
    ///   namespace leaves.
    public static func unmount(_ path: String) throws(SystemCallError) {
        // Several namespaces may be mounted on the path, one over the other.
        while (try? NetworkNamespace(opening: path)) != nil {
            _ = try systemCall("umount2", on: path) { unsafe clinux_unmount(path) }
        }
        guard isVacant(path) else {
            if !Files.exists(path) { return }
            throw SystemCallError(call: "umount2", errno: EEXIST, subject: path)
        }
        do throws(SystemCallError) {
            _ = try systemCall("unlink", on: path) { unsafe unlink(path) }
        } catch  where error.isMissing {
            return
        }
    }

    /// Whether a path leads to an empty file on which no namespace is mounted.
    private static func isVacant(_ path: String) -> Bool {
        var (file, directory) = (stat(), stat())
        guard unsafe lstat(path, &file) == 0, unsafe stat(Files.parent(of: path), &directory) == 0 else { return false }
        return file.st_mode & S_IFMT == S_IFREG && file.st_size == 0 && file.st_dev == directory.st_dev
    }
}
