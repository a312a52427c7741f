internal import CLinux
internal import Glibc

/// The address on which a stream socket listens.
public enum SocketAddress: Hashable, Sendable {
    /// A socket file.
    case unix(path: String)
    /// A numeric IPv4 or IPv6 address, and a port.
    case tcp(host: String, port: UInt16)
}

/// The text is not an address. The description contains the expected form.
public struct AddressError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A sentence that quotes the text and gives the expected form.
    public let description: String
}

extension SocketAddress: CustomStringConvertible {
    /// The usual text form: a path, `10.0.0.4:15150`, `[::1]:80`.
    public var description: String {
        switch self {
        case .unix(let path): path
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Parses `host:port` or `[host]:port`. The host must be numeric.
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

    /// The maximum length of a Unix socket path, in bytes: `sun_path` without its final NUL.
    public static let unixPathLimit = 107

    /// Passes the address to `body` in the kernel's form.
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
        // Swift 6.3 does not pass typed throws through withUnsafePointer with a rebound pointer, so the code makes a
        // local copy.
        let storage = UnsafeMutablePointer<Address>.allocate(capacity: 1)
        unsafe storage.initialize(to: address)
        defer { unsafe storage.deallocate() }
        let generic = unsafe UnsafeRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
        return try unsafe body(family, generic, socklen_t(MemoryLayout<Address>.size))
    }
}

extension Stream {
    /// Connects. Returns when the peer has accepted the connection.
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
            // A Unix socket with a full backlog returns EAGAIN. The connection attempt has then failed and does not
            // continue.
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
