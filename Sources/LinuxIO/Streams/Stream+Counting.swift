internal import CLinux
internal import Glibc

/// Counts that the kernel keeps with a unix socket and with a file. A process that ends at any instant leaves them exact.
extension Stream {
    /// The most bytes that ``readCount()`` counts.
    public static let readCountLimit = Int(CInt.max)

    /// Begins to count the bytes that are read from this unix socket.
    ///
    /// The kernel subtracts what is read from the socket's peek offset (SO_PEEK_OFF of socket(7)), which begins here at
    /// its highest value. Reads that peek must not be used with it.
    public func countReads() throws {
        try withDescriptor { fd in
            _ = try systemCall("setsockopt", on: "SO_PEEK_OFF") {
                clinux_set_option(fd, SOL_SOCKET, clinux_peek_offset, CInt.max)
            }
        }
    }

    /// The number of bytes that were read since ``countReads()``.
    public func readCount() throws -> Int {
        try withDescriptor { fd in
            var left: CInt = 0
            _ = try systemCall("getsockopt", on: "SO_PEEK_OFF") {
                unsafe clinux_get_option(fd, SOL_SOCKET, clinux_peek_offset, &left)
            }
            return Int(CInt.max) - Int(left)
        }
    }

    /// Sends up to `count` bytes of `file` from its offset on, and advances the offset (sendfile(2)).
    ///
    /// Returns the number of bytes, nil if no bytes fit now. The kernel does not copy the bytes: they must not be changed
    /// in the file before the peer has read them.
    public func trySend(_ count: Int, from file: MemoryFile) throws -> Int? {
        try withDescriptor { fd in
            try tryingSystemCall("sendfile") { clinux_send_file(fd, file.descriptor, UInt(count)) }
        }
    }
}
