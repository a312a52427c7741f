internal import CLinux
internal import Glibc

/// The output of programs for people.
public enum StandardOutput {
    /// Writes all of `text`. A reader that has closed its end is not an error.
    public static func write(_ text: String) { writeAll(Array(text.utf8), to: STDOUT_FILENO) }

    /// Writes all of `bytes`. Returns false if that fails, for example because the reader has closed its end.
    @discardableResult
    public static func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: STDOUT_FILENO) }

    /// Whether the output is a terminal.
    public static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// The number of characters in a line of the terminal; nil without a terminal.
    public static var columns: Int? {
        let columns = clinux_window_columns(STDOUT_FILENO)
        return columns > 0 ? Int(columns) : nil
    }
}

/// The messages of programs about themselves.
public enum StandardError {
    /// Writes all of `text`.
    public static func write(_ text: String) { writeAll(Array(text.utf8), to: STDERR_FILENO) }

    /// Writes all of `bytes`. Returns false if that fails, for example because the reader has closed its end.
    @discardableResult
    public static func write(_ bytes: [UInt8]) -> Bool { writeAll(bytes, to: STDERR_FILENO) }

    /// Whether the output is a terminal.
    public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// The input of people for programs.
///
/// The process that started this one shares the descriptor, so the descriptor is never made non-blocking. It is read
/// only when the kernel reports that a read would not block.
public final class StandardInput: Sendable {
    private let watch: Watch?
    private let copy: OwnedFD

    /// Whether the input is a terminal.
    public static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Watches descriptor 0 on `loop`.
    public init(on loop: EpollLoop) throws(SystemCallError) {
        copy = OwnedFD(owning: try systemCall("fcntl", on: "standard input") { clinux_duplicate(STDIN_FILENO, 3) })
        // A regular file cannot be watched. This is not necessary, because reading a file never blocks.
        do throws(SystemCallError) {
            watch = try Watch(copy.rawValue, on: loop)
        } catch  where error.errno == EPERM {
            watch = nil
        }
    }

    deinit { watch?.forget() }

    /// Reads between one and `count` bytes. The result is empty at the end.
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
            // Another process has made the descriptor non-blocking, so this code must wait.
            var request = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&request, 1, -1)
        } else if errno != EINTR {
            return false
        }
    }
    return true
}
