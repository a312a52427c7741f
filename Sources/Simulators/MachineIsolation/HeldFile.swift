internal import CLinux
internal import Glibc
package import LinuxIO

/// A file or directory that is held open, not to be read but to be found again whatever becomes of its path.
package final class HeldFile: Sendable {
    private let fd: OwnedFD
    /// Whether it is a directory.
    package let isDirectory: Bool

    /// Finds what `path` leads to, links followed.
    package init(_ path: String) throws(SystemCallError) {
        fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, clinux_path_only, 0) })
        var status = stat()
        isDirectory = unsafe fstat(fd.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    var number: CInt { fd.rawValue }
}
