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

    /// The descriptor, for handing to a child.
    public var descriptor: CInt { fd.rawValue }
}
