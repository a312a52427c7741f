internal import CLinux
internal import Glibc

/// A lock on a file. It is held until the value is destroyed or the process ends in any way.
public struct FileLock: ~Copyable, Sendable {
    private let fd: OwnedFD

    private init(_ fd: consuming OwnedFD) { self.fd = fd }

    /// How many attempts ``takeDirectory(_:)`` makes: a holder needs microseconds, but may not get the processor
    /// immediately.
    private static let patience: UInt32 = 1000

    /// Takes the lock. Returns nil if another open file holds it. A symbolic link is not followed.
    ///
    /// The lock belongs to the open file. So a child that inherits the descriptor keeps the lock.
    public static func take(_ path: String) throws(SystemCallError) -> FileLock? {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0o600) })
        return try take(fd, path)
    }

    /// Takes the lock on a file in a directory. Returns nil if another open file holds it. A symbolic link is not
    /// followed.
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

    /// Takes the lock on a directory itself. This leaves no file.
    ///
    /// Blocks the thread while another process holds the lock, but not longer than a second. Use this only for short
    /// operations.
    /// - Throws: ``SystemCallError``, with `EWOULDBLOCK` if the second has passed.
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

    /// Whether a process holds the lock now; false if the file is missing. Does not take the lock.
    public static func isHeld(_ path: String) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, O_RDONLY, 0) })
            return try systemCall("fcntl", on: path) { clinux_exclusive_lock_is_free(fd.rawValue) } == 0
        } catch  where error.errno == ENOENT {
            return false
        }
    }

    /// The descriptor, to give to a child.
    public var descriptor: CInt { fd.rawValue }
}
