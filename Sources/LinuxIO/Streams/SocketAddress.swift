internal import CLinux
internal import Glibc

/// Where a stream socket listens.
public enum SocketAddress: Hashable, Sendable {
    /// A socket file.
    case unix(path: String)
    /// A numeric IPv4 or IPv6 address, and a port.
    case tcp(host: String, port: UInt16)
}

/// Text that is not an address, and what is expected instead.
public struct AddressError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A sentence that quotes the text and says what is expected.
    public let description: String
}

extension SocketAddress: CustomStringConvertible {
    /// As a person would write it: a path, `10.0.0.4:15150`, `[::1]:80`.
    public var description: String {
        switch self {
        case .unix(let path): path
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Reads `host:port` or `[host]:port`, the host being numeric.
    public init(parsing text: String) throws(AddressError) {
        let refusal = AddressError(
            description: "\"\(text)\" is not an address: expected a numeric IP address and a port, as in 0.0.0.0:15150")
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw refusal
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty { host = "0.0.0.0" }
        self = .tcp(host: host, port: port)
        do { try unsafe withKernelForm { _, _, _ in } } catch { throw refusal }
    }

    /// The longest path a Unix socket may have, in bytes: `sun_path` less its final NUL.
    public static let unixPathLimit = 107

    /// Lends out the address as the kernel wants it.
    func withKernelForm<Result: ~Copyable>(
        _ body: (_ family: CInt, UnsafePointer<sockaddr>, socklen_t) throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
        switch self {
        case .unix(let path):
            let bytes = Array(path.utf8)
            if bytes.isEmpty || bytes.contains(0) {
                throw SystemCallError(call: "socket", errno: EINVAL, subject: path)
            }
            if bytes.count > SocketAddress.unixPathLimit {
                throw SystemCallError(call: "socket", errno: ENAMETOOLONG, subject: path)
            }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
            return try unsafe lend(address, AF_UNIX, body)
        case .tcp(let host, let port):
            var four = sockaddr_in()
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            if unsafe inet_pton(AF_INET, host, &four.sin_addr) == 1 { return try unsafe lend(four, AF_INET, body) }
            var six = sockaddr_in6()
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            if unsafe inet_pton(AF_INET6, host, &six.sin6_addr) == 1 { return try unsafe lend(six, AF_INET6, body) }
            throw SystemCallError(call: "inet_pton", errno: EINVAL, subject: host)
        }
    }

    private func lend<Address, Result: ~Copyable>(
        _ address: Address, _ family: CInt,
        _ body: (CInt, UnsafePointer<sockaddr>, socklen_t) throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
        // Typed throws do not cross withUnsafePointer in 6.3 with a rebound pointer; a local copy does.
        let storage = UnsafeMutablePointer<Address>.allocate(capacity: 1)
        unsafe storage.initialize(to: address)
        defer { unsafe storage.deallocate() }
        let generic = unsafe UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
        return try unsafe body(family, generic, socklen_t(MemoryLayout<Address>.size))
    }
}

extension Stream {
    /// Connects, and returns once the peer has accepted.
    ///
    /// - Throws: ``SystemCallError`` with the kernel's reason, ``DeadlineExceeded``, or `CancellationError`.
    public static func connect(
        to address: SocketAddress, on loop: EpollLoop, deadline: ContinuousClock.Instant? = nil
    ) async throws -> Stream {
        let stream = try unsafe address.withKernelForm { family, kernel, length throws(SystemCallError) in
            let fd = OwnedFD(owning: try systemCall("socket") { clinux_socket(family) })
            let number = fd.rawValue
            let stream = try Stream(nonBlocking: fd, on: loop)
            let result = unsafe Glibc.connect(number, kernel, length)
            // A full backlog says EAGAIN on a Unix socket: there it is an answer, not a promise.
            if result == -1, errno != EINPROGRESS, errno != EINTR {
                throw SystemCallError(call: "connect", errno: errno, subject: address.description)
            }
            return (stream, isDone: result == 0)
        }
        if stream.isDone { return stream.0 }
        let pending = stream.0
        do {
            try await withDeadline(deadline, on: loop) { try await pending.wait(for: .writing) }
            let code = try pending.pendingError()
            if code != 0 { throw SystemCallError(call: "connect", errno: code, subject: address.description) }
        } catch {
            pending.close()
            throw error
        }
        return pending
    }
}
