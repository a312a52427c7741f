internal import CLinux
internal import Glibc
package import LinuxIO

/// A terminal with this program at its other side.
///
/// A process whose input, output and error are ``path``, opened in a new session, has it
/// as its controlling terminal.
package struct PseudoTerminal: Sendable {
    /// What the process opens.
    package let path: String
    /// What we type into and read from.
    package let stream: Stream

    /// Makes a terminal, 80 columns by 24 rows.
    package static func open(on loop: EpollLoop) throws -> PseudoTerminal {
        let fd = OwnedFD(owning: try systemCall("posix_openpt") { clinux_terminal_open() })
        _ = try systemCall("unlockpt") { clinux_terminal_unlock(fd.rawValue) }
        let path = "/dev/pts/\(try systemCall("TIOCGPTN") { clinux_terminal_number(fd.rawValue) })"
        let terminal = PseudoTerminal(path: path, stream: try Stream(fd, on: loop))
        try terminal.resize(columns: 80, rows: 24)
        return terminal
    }

    /// Reads between one and `count` bytes; empty once the last process has closed the terminal.
    package func read(upTo count: Int) async throws -> [UInt8] {
        do {
            return try await stream.read(upTo: count)
        } catch let error as SystemCallError where error.errno == EIO {
            return []  // A terminal reports this error when its other side is closed.
        }
    }

    /// Tells the terminal, and with `SIGWINCH` its processes, how large its window is.
    package func resize(columns: UInt16, rows: UInt16) throws {
        try stream.withDescriptor { fd in
            _ = try systemCall("TIOCSWINSZ", on: path) { clinux_terminal_resize(fd, columns, rows) }
        }
    }
}
