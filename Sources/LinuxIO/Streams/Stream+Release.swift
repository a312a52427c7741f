internal import CLinux

extension OwnedFD {
    /// A second descriptor of the file that `other` leads to, closed on exec.
    public init(duplicating other: CInt) throws(SystemCallError) {
        self.init(owning: try systemCall("fcntl", on: "descriptor \(other)") { clinux_duplicate(other) })
    }

    /// Gives up ownership: the code that takes the number closes it.
    public consuming func disowned() -> CInt {
        let number = rawValue
        discard self
        return number
    }
}

extension Stream {
    /// Gives the descriptor to code that watches it in another way; this stream is then closed.
    ///
    /// - Throws: ``StreamClosed``, or ``SystemCallError`` when descriptors have run out.
    public func release() throws -> OwnedFD {
        let copy = try withDescriptor { fd in
            let copy = try systemCall("fcntl", on: "descriptor \(fd)") { clinux_duplicate(fd) }
            // The kernel watches files, not numbers: closing ours alone would leave it watched.
            _ = clinux_epoll_set(loop.epoll.rawValue, clinux_remove, fd, 0, 0)
            return copy
        }
        close()
        return OwnedFD(owning: copy)
    }
}
