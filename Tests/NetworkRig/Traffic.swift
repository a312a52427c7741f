internal import Glibc
package import LinuxIO
internal import PodNetwork

/// Packets between two namespaces.
package enum Traffic {
    /// A system call that failed, or took too long (EAGAIN; EINPROGRESS of a connect).
    package struct Failure: Error, Equatable {
        package let step: String
        package let errno: CInt

        package init(step: String, errno: CInt) {
            self.step = step
            self.errno = errno
        }
    }

    /// What is sent: no power of two divides its period, so that no block of it looks like the next.
    private static let period = 65_521
    private static let chunk = 1 << 18
    private static let pattern: [UInt8] = (0..<(period + chunk)).map { index in
        let number = index % period
        return UInt8(truncatingIfNeeded: number &* 31 &+ number >> 8)
    }

    /// Sends `bytes` from a socket in one namespace to one in another; returns how many came, or -1 if not those.
    ///
    /// - Throws: ``Failure``; "connect" if there is no way within `patience` milliseconds.
    package static func tcp(
        from client: NetworkNamespace, to server: NetworkNamespace, at text: String, port: UInt16 = 8080, bytes: Int,
        patience: Int = 5000
    ) async throws -> Int {
        let name = try address(text)
        let listener = OwnedFD(owning: try server.run { Result { try listen(name, port) } }.get())
        let sender = OwnedFD(
            owning: try await Thread.offLoop { try client.run { Result { try connect(name, port, patience) } }.get() })
        let receiver = OwnedFD(owning: accept(listener.rawValue, nil, nil))
        guard receiver.rawValue >= 0 else { throw Failure(step: "accept", errno: errno) }
        let (out, into) = (sender.rawValue, receiver.rawValue)
        limit(into, 5000)
        async let sent: Void = Thread.offLoop {
            var done = 0
            while done < bytes {
                let start = done % period
                let count = unsafe pattern.withUnsafeBytes { buffer in
                    unsafe send(
                        out, buffer.baseAddress.map { unsafe $0 + start }, min(chunk, bytes - done), CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { break }
                done += count
            }
            shutdown(out, CInt(SHUT_WR))
        }
        let received = try await Thread.offLoop {
            var buffer = [UInt8](repeating: 0, count: chunk)
            var total = 0
            while true {
                let count = unsafe recv(into, &buffer, buffer.count, 0)
                guard count > 0 else { return total }
                let isSame = unsafe pattern.withUnsafeBytes { expected in
                    unsafe expected.baseAddress.map { unsafe memcmp($0 + total % period, buffer, count) } == 0
                }
                guard isSame else { return -1 }
                total += count
            }
        }
        try await sent
        // Both are open until here.
        _ = (sender.rawValue, receiver.rawValue)
        return received
    }

    /// Sends one datagram to `text`, and returns what a server at `served` makes of it.
    ///
    /// The addresses differ where a host on the path translates them. A lost datagram is sent again after half a second.
    /// - Throws: ``Failure``; "answer" if none comes: ETIMEDOUT, or the error that a host on the path has sent.
    package static func ask(
        _ question: [UInt8], from client: NetworkNamespace, at text: String, port: UInt16,
        tries: Int = 5, servedBy server: NetworkNamespace, at served: String,
        _ answer: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) async throws -> [UInt8] {
        let (name, own) = (try address(text), try address(served))
        let asked = OwnedFD(owning: try server.run { Result { try bound(own, port, CInt(SOCK_DGRAM.rawValue)) } }.get())
        let asking = OwnedFD(
            owning: try client.run {
                Result { () throws(Failure) in
                    let fd = try make(family(name), CInt(SOCK_DGRAM.rawValue))
                    try unsafe check("connect \(name)", call({ unsafe Glibc.connect($0, $1, $2) }, fd, name, port), fd)
                    return fd
                }
            }.get())
        let (out, into) = (asking.rawValue, asked.rawValue)
        limit(out, 500)
        limit(into, 50)
        let isDone = Lock(false)
        async let served: Void = Thread.offLoop {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while !isDone.withLock({ $0 }) {
                var (peer, size) = (sockaddr_storage(), socklen_t(MemoryLayout<sockaddr_storage>.size))
                let count = unsafe withUnsafeMutablePointer(to: &peer) { peer in
                    unsafe peer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe recvfrom(into, &buffer, buffer.count, 0, $0, &size)
                    }
                }
                guard count > 0 else { continue }
                let reply = answer(Array(buffer[..<count]))
                unsafe withUnsafePointer(to: peer) { peer in
                    unsafe peer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe _ = sendto(into, reply, reply.count, 0, $0, size)
                    }
                }
            }
        }
        let found: Result<[UInt8], Failure> = try await Thread.offLoop {
            defer { isDone.withLock { $0 = true } }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            for _ in 0..<tries {
                unsafe send(out, question, question.count, CInt(MSG_NOSIGNAL))
                let count = unsafe recv(out, &buffer, buffer.count, 0)
                if count > 0 { return .success(Array(buffer[..<count])) }
                guard errno == EAGAIN else { return .failure(Failure(step: "answer", errno: errno)) }
            }
            return .failure(Failure(step: "answer", errno: ETIMEDOUT))
        }
        try await served
        _ = (asking.rawValue, asked.rawValue)
        return try found.get()
    }

    /// What the kernel says at once to who connects to port 80 of `text`, from the caller's thread; 0 if it tries.
    package static func refusal(connecting text: String) throws -> CInt {
        let name = try address(text)
        do throws(Failure) {
            close(try connect(name, 80, 5000))
            return 0
        } catch {
            return error.errno
        }
    }

    /// `bind` or `connect`, with a socket address made of an address's bytes.
    private static func call(
        _ function: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt, _ fd: CInt, _ address: NetAddress,
        _ port: UInt16
    ) -> CInt {
        let start = [UInt8(family(address)), 0, UInt8(port >> 8), UInt8(port & 0xFF)]
        // sockaddr_in, and sockaddr_in6 with its flow and scope.
        let bytes =
            start
            + (address.isVersion6
                ? [0, 0, 0, 0] + address.bytes + [0, 0, 0, 0] : address.bytes + [UInt8](repeating: 0, count: 8))
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe function(fd, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }

    private static func family(_ address: NetAddress) -> CInt { address.isVersion6 ? AF_INET6 : AF_INET }

    /// Has calls on a socket end after so many milliseconds.
    private static func limit(_ fd: CInt, _ patience: Int) {
        var time = timeval(tv_sec: patience / 1000, tv_usec: patience % 1000 * 1000)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(fd, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    private static func make(_ family: CInt, _ kind: CInt) throws(Failure) -> CInt {
        let fd = socket(family, kind | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw Failure(step: "socket", errno: errno) }
        return fd
    }

    private static func check(_ step: String, _ result: CInt, _ fd: CInt) throws(Failure) {
        guard result == 0 else {
            let failure = Failure(step: step, errno: errno)
            close(fd)
            throw failure
        }
    }

    private static func bound(_ address: NetAddress, _ port: UInt16, _ kind: CInt) throws(Failure) -> CInt {
        let fd = try make(family(address), kind)
        var yes = CInt(1)
        unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        try unsafe check("bind \(address)", call({ unsafe bind($0, $1, $2) }, fd, address, port), fd)
        return fd
    }

    private static func listen(_ address: NetAddress, _ port: UInt16) throws(Failure) -> CInt {
        let fd = try bound(address, port, CInt(SOCK_STREAM.rawValue))
        try check("listen", Glibc.listen(fd, 8), fd)
        limit(fd, 5000)
        return fd
    }

    private static func connect(_ address: NetAddress, _ port: UInt16, _ patience: Int) throws(Failure) -> CInt {
        let fd = try make(family(address), CInt(SOCK_STREAM.rawValue))
        limit(fd, patience)
        try unsafe check("connect", call({ unsafe Glibc.connect($0, $1, $2) }, fd, address, port), fd)
        limit(fd, 5000)
        return fd
    }
}
