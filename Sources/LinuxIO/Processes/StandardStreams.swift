internal import CLinux
internal import Glibc

/// What programs say to people.
public enum StandardOutput {
    /// Writes all of `text`; a reader that is gone is not an error here.
    public static func write(_ text: String) { writeAll(Array(text.utf8), to: STDOUT_FILENO) }

    /// Writes all of `bytes`; false when that cannot be done, as when the reader is gone.
    @discardableResult
    public static func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: STDOUT_FILENO) }

    /// Whether a person is likely to look at it.
    public static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// How many characters fit in a line of the terminal; nil without a terminal.
    public static var columns: Int? {
        let columns = clinux_window_columns(STDOUT_FILENO)
        return columns > 0 ? Int(columns) : nil
    }
}

/// What programs say about themselves.
public enum StandardError {
    /// Writes all of `text`.
    public static func write(_ text: String) { writeAll(Array(text.utf8), to: STDERR_FILENO) }

    /// Writes all of `bytes`; false when that cannot be done, as when the reader is gone.
    @discardableResult
    public static func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: STDERR_FILENO) }

    /// Whether a person is likely to look at it.
    public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// What people say to programs.
///
/// The descriptor is shared with the process that started this one, so it is never made non-blocking: it
/// is read only when the kernel says that a read would not block.
public final class StandardInput: Sendable {
    private let watch: Watch?
    private let copy: OwnedFD

    /// Whether a person types it.
    public static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Watches descriptor 0 on `loop`.
    public init(on loop: EpollLoop) throws(SystemCallError) {
        copy = OwnedFD(owning: try systemCall("fcntl", on: "standard input") { clinux_duplicate(STDIN_FILENO) })
        // A regular file cannot be watched, and need not be: it never blocks.
        do throws(SystemCallError) {
            watch = try Watch(copy.rawValue, on: loop)
        } catch  where error.errno == EPERM {
            watch = nil
        }
    }

    deinit { watch?.forget() }

    /// Between one and `count` bytes; empty at the end.
    public func read(upTo count: Int) async throws -> [UInt8] {
        while let watch, !isReady { try await watch.wait(for: .reading, on: nil) }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try systemCall("read", on: "standard input") { unsafe Glibc.read(copy.rawValue, &bytes, count) }
        return Array(bytes[..<read])
    }

    private var isReady: Bool {
        var request = pollfd(fd: copy.rawValue, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&request, 1, 0) == 1
    }
}

@discardableResult
private func writeAll(_ bytes: [UInt8], to fd: CInt) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
        if count > 0 {
            rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
            // Another process has made it non-blocking, so this code has to wait.
            var request = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&request, 1, -1)
        } else if errno != EINTR {
            return false
        }
    }
    return true
}
