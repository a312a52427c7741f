internal import LinuxIO

/// The exclusive right to use a pods directory. A process has this right until it ends.
///
/// Two adaptors with the same records would each delete VMs that the other is starting. Child processes do not inherit
/// the lock.
public final class PodsDirectoryLock: Sendable {
    /// No sandbox's id begins with a dot, so this is never a sandbox's directory.
    private static let name = ".lock"

    private let lock: FileLock

    private init(_ lock: consuming FileLock) { self.lock = lock }

    /// Locks the directory at `path`. Creates the directory with mode 0700 if it does not exist.
    ///
    /// - Throws: ``LifecycleError`` that names the directory: another process uses it, or it cannot be used.
    public static func take(_ path: String) throws(LifecycleError) -> PodsDirectoryLock {
        do {
            let directory = try Directory.own(path, makingWith: 0o700)
            if let lock = try FileLock.take(name, in: directory) { return PodsDirectoryLock(lock) }
        } catch {
            throw LifecycleError(
                .internal, "The pods directory cannot be used: \(error). Check -pods-dir and its permissions.",
                cause: error)
        }
        throw LifecycleError(
            .failedPrecondition,
            "The pods directory \(path) is in use by another cloud-api-adaptor. Stop that one first, or give this one a "
                + "directory of its own with -pods-dir (PODS_DIR).")
    }
}
