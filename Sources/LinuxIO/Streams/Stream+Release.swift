internal import CLinux

extension OwnedFD {
    /// Makes a second descriptor of the file that `other` refers to, with a number of at least `lowest`. It is closed
    /// on exec.
    public init(duplicating other: CInt, from lowest: CInt = 3) throws(SystemCallError) {
        self.init(owning: try systemCall("fcntl", on: "descriptor \(other)") { clinux_duplicate(other, lowest) })
    }

    /// Gives up ownership. The caller must close the returned number.
    public consuming func disowned() -> CInt {
        let number = rawValue
        discard self
        return number
    }
}

extension Stream {
    /// Gives the descriptor to code that watches it in another way. This stream is closed afterwards.
    ///
    /// - Throws: ``StreamClosed``, or ``SystemCallError`` if no descriptors are left.
    public func release() throws -> OwnedFD {
        let copy = try withDescriptor { fd in
            try systemCall("fcntl", on: "descriptor \(fd)") { clinux_duplicate(fd, 3) }
        }
        closeShared()
        return OwnedFD(owning: copy)
    }

    /// Closes this descriptor of a file that has another open descriptor, here or in another process.
    func closeShared() {
        // The kernel watches files, not numbers. If only our descriptor were closed, the file would still be watched.
        _ = try? withDescriptor { fd in clinux_epoll_set(loop.epoll.rawValue, clinux_remove, fd, 0, 0) }
        close()
    }
}
