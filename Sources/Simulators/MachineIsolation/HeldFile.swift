internal import CLinux
internal import Glibc
package import LinuxIO

/// A file or directory that is held open so that it can be used after its path has changed. It is not read.
package final class HeldFile: Sendable {
    private let fd: OwnedFD
    /// Whether it is a directory.
    package let isDirectory: Bool

    /// Opens what `path` leads to, and follows links.
    package init(_ path: String) throws(SystemCallError) {
        fd = OwnedFD(owning: try systemCall("open", on: path) { unsafe clinux_open(path, clinux_path_only, 0) })
        var status = stat()
        isDirectory = unsafe fstat(fd.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    var number: CInt { fd.rawValue }
}
