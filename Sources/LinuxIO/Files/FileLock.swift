internal import CLinux
internal import Glibc

/// A lock on a file, held until the value is gone - or the process is, however it ends.
public struct FileLock: ~Copyable, Sendable {
    private let fd: OwnedFD

    private init(_ fd: consuming OwnedFD) { self.fd = fd }

    /// How long ``takeDirectory(_:)`` waits: a holder needs microseconds, but may not get the processor at once.
    private static let patience: UInt32 = 1000

    /// Takes the lock; nil when another open file has it. A symbolic link is not followed.
    ///
    /// It belongs to the open file, so a child that inherits the descriptor keeps it held.
    public static func take(_ path: String) throws(SystemCallError) -> FileLock? {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0o600) })
        return try take(fd, path)
    }

    /// Takes the lock on a file in a directory; nil when another open file has it. A symbolic link is not followed.
    public static func take(_ name: String, in directory: Directory) throws(SystemCallError) -> FileLock? {
        try take(try directory.openFile(name, O_RDWR | O_CREAT, mode: 0o600), directory.path(of: name))
    }

    private static func take(_ fd: consuming OwnedFD, _ path: String) throws(SystemCallError) -> FileLock? {
        do throws(SystemCallError) {
            _ = try systemCall("fcntl", on: path) { clinux_exclusive_lock(fd.rawValue) }
        } catch  where error.errno == EAGAIN || error.errno == EACCES {
            return nil
        }
        return FileLock(fd)
    }

    /// Takes the lock on a directory itself, which leaves no file behind.
    ///
    /// Blocks the thread for as long as another process has it, but not longer than a second: only for what takes a
    /// moment.
    /// - Throws: ``SystemCallError``, with `EWOULDBLOCK` when it took too long.
    static func takeDirectory(_ path: String) throws(SystemCallError) -> FileLock {
        let flags = O_RDONLY | O_DIRECTORY
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0) })
        for waited in 0... {
            do throws(SystemCallError) {
                _ = try systemCall("flock", on: path) { clinux_try_lock(fd.rawValue) }
                break
            } catch  where error.errno == EWOULDBLOCK && waited < patience {
                Thread.pause(milliseconds: 1)
            }
        }
        return FileLock(fd)
    }

    /// Whether a process holds the lock at this moment; false without the file. Does not take the lock.
    public static func isHeld(_ path: String) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY, 0) })
            return try systemCall("fcntl", on: path) { clinux_exclusive_lock_is_free(fd.rawValue) } == 0
        } catch  where error.errno == ENOENT {
            return false
        }
    }

    /// The descriptor, for handing to a child.
    public var descriptor: CInt { fd.rawValue }
}
