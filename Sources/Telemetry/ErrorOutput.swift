internal import Glibc

/// Standard error, a whole line at a time.
enum ErrorOutput {
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line with one write(2), so that lines of several processes do not mix.
    ///
    /// What standard error does not take is lost: a daemon must not stop, nor fail, for
    /// its log's reader.
    static let write: Logger.Sink = { line in
        var rest = line[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if written == 0 || errno != EINTR {
                return
            }
        }
    }
}
