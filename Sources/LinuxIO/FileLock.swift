internal import CLinux
internal import Glibc

/// A lock on a file, held until the value is gone - or the process is, however it ends.
public struct FileLock: ~Copyable, Sendable {
    private let fd: OwnedFD

    private init(_ fd: consuming OwnedFD) { self.fd = fd }

    /// Takes the lock; nil when somebody else holds it.
    ///
    /// It belongs to the open file, so a child that inherits the descriptor keeps it held.
    public static func take(_ path: String) throws(SystemCallError) -> FileLock? {
        let flags = O_RDWR | O_CREAT
        let fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, flags, 0o600) })
        do throws(SystemCallError) {
            _ = try systemCall("fcntl", on: path) { clinux_exclusive_lock(fd.rawValue) }
        } catch  where error.errno == EAGAIN || error.errno == EACCES {
            return nil
        }
        return FileLock(fd)
    }

    /// Whether somebody holds the lock at the moment; false without the file. Disturbs nobody who takes it.
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
