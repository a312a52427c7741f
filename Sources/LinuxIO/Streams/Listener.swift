internal import CLinux
internal import Glibc

/// A socket that accepts connections.
public final class Listener: Sendable {
    /// The address of the listener. For TCP it has the port that the kernel assigned.
    public let address: SocketAddress
    let stream: Stream
    /// The identity of this listener's socket file, so that the file of a later listener is never removed.
    private let file: FileIdentity?
    /// The number of connections accepted since the last wait.
    private let acceptedInARow = Lock(0)

    /// The number of connections after which the loop's other tasks run. A peer that connects without a pause must not
    /// block the loop.
    private static let connectionsPerTurn = 16

    init(_ stream: Stream, at address: SocketAddress, file: FileIdentity?) {
        self.stream = stream
        self.address = address
        self.file = file
    }

    deinit { close() }

    /// Starts to listen.
    ///
    /// A Unix socket file that no process serves is replaced by one rename, so that a client never finds the file
    /// missing. A socket that answers is not changed, also when both processes start at the same moment. The file has
    /// `mode` from its creation. The socket stays in `namespace` (nil: the thread's namespace). The socket and its
    /// connections keep the namespace alive. With `device`, the listener accepts only connections over that interface.
    /// - Throws: ``SocketInUse``, or ``SystemCallError``.
    public static func listen(
        on address: SocketAddress, loop: EpollLoop, backlog: CInt = 1024, mode: UInt32 = 0o600,
        sharesPort: Bool = false, device: String? = nil, in namespace: NetworkNamespace? = nil
    ) throws -> Listener {
        func open() throws -> CInt {
            guard case .unix(let path) = address else {
                return try socket(on: address, backlog: backlog, mode: mode, sharesPort: sharesPort, device).disowned()
            }
            // The lock is held from the check of the old file until the new socket answers. Otherwise two processes
            // find the same stale file, and the slower process removes the socket of the other.
            let turn = try FileLock.takeDirectory(Files.parent(of: path))
            let isReplaced = try isStaleSocket(path)
            let place = isReplaced ? freeName(beside: path) : path
            let fd = try socket(on: .unix(path: place), backlog: backlog, mode: mode, sharesPort: sharesPort, device)
            if isReplaced { try Files.move(place, to: path) }
            _ = consume turn
            return fd.disowned()
        }
        let number = try namespace.map { try $0.run { Result { try open() } }.get() } ?? open()
        let fd = OwnedFD(owning: number)
        let (bound, file) = (boundAddress(fd.rawValue, asked: address), identity(of: address))
        return Listener(try Stream(nonBlocking: fd, on: loop), at: bound, file: file)
    }

    private static func socket(
        on address: SocketAddress, backlog: CInt, mode: UInt32, sharesPort: Bool, _ device: String?
    ) throws -> OwnedFD {
        try unsafe address.withKernelForm { family, kernel, length throws(SystemCallError) in
            let fd = OwnedFD(owning: try systemCall("socket") { clinux_socket(family) })
            if family == AF_UNIX {
                // The mode is set before bind, so that other users can never connect.
                _ = try systemCall("fchmod") { fchmod(fd.rawValue, mode) }
            } else {
                _ = try systemCall("setsockopt") { clinux_set_option(fd.rawValue, SOL_SOCKET, SO_REUSEADDR, 1) }
                if sharesPort {
                    _ = try systemCall("setsockopt") { clinux_set_option(fd.rawValue, SOL_SOCKET, SO_REUSEPORT, 1) }
                }
            }
            if family == AF_INET6, case .tcp("::", _) = address {
                // This overrides the system's default: the socket also accepts IPv4, as in Go.
                _ = try systemCall("setsockopt") {
                    clinux_set_option(fd.rawValue, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0)
                }
            }
            if let device {
                _ = try systemCall("setsockopt", on: device) {
                    unsafe setsockopt(
                        fd.rawValue, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count))
                }
            }
            _ = try systemCall("bind", on: address.description) { unsafe bind(fd.rawValue, kernel, length) }
            _ = try systemCall("listen", on: address.description) { Glibc.listen(fd.rawValue, backlog) }
            return fd
        }
    }

    /// Waits for the next connection.
    ///
    /// When descriptors or memory have run out, it waits until some are free. A short overload must not end the
    /// listener.
    /// - Throws: ``StreamClosed`` after ``close()``, `CancellationError`, or ``SystemCallError``.
    public func accept() async throws -> Stream {
        while true {
            if let connection = try await acceptOrWake() { return connection }
        }
    }

    /// Waits for the next connection, as ``accept()`` does, or for ``wake()``. It may also return nil too early.
    package func acceptOrWake() async throws -> Stream? {
        do {
            let fd = try stream.withDescriptor { listening in
                try tryingSystemCall("accept4", on: address.description) { Int(clinux_accept(listening)) }
            }
            if let fd {
                let connection = try Stream(nonBlocking: OwnedFD(owning: CInt(fd)), on: stream.loop)
                if isTurnOver() { await stream.loop.yield() }
                return connection
            }
            acceptedInARow.withLock { $0 = 0 }
            try await stream.wait(for: .reading)
        } catch let error as SystemCallError {
            switch error.errno {
            case ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, ENETUNREACH, EHOSTUNREACH: break
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: try await stream.loop.sleep(for: .milliseconds(20))
            default: throw error
            }
        }
        return nil
    }

    /// Makes the current or next ``acceptOrWake()`` return.
    package func wake() { stream.wakeReader() }

    /// Counts a connection. Returns whether the turn is over.
    private func isTurnOver() -> Bool {
        acceptedInARow.withLock { count in
            count += 1
            return count.isMultiple(of: Listener.connectionsPerTurn)
        }
    }

    /// Stops listening. Removes the socket file if the file still belongs to this listener. Idempotent.
    ///
    /// With `keepsFile` the file stays, and refuses connections until another listener replaces it.
    public func close(keepsFile: Bool = false) {
        if stream.isClosed { return }
        stream.close()
        if keepsFile { return }
        if case .unix(let path) = address, file != nil, file == FileIdentity(path) { _ = unsafe unlink(path) }
    }

    /// Removes the file at `path` if it is a socket that no process serves.
    public static func removeStaleSocket(at path: String) {
        guard let turn = try? FileLock.takeDirectory(Files.parent(of: path)) else { return }
        if (try? isStaleSocket(path)) == true { _ = unsafe unlink(path) }
        _ = consume turn
    }

    static func identity(of address: SocketAddress) -> FileIdentity? {
        if case .unix(let path) = address { FileIdentity(path) } else { nil }
    }

    /// Whether there is a socket file at `path` that no process serves; false when there is no file.
    ///
    /// - Throws: ``SocketInUse``, or ``SystemCallError`` when the file is not a socket.
    private static func isStaleSocket(_ path: String) throws -> Bool {
        guard let file = FileIdentity(path) else { return false }
        guard file.isSocket else { throw SystemCallError(call: "bind", errno: EADDRINUSE, subject: path) }
        let answer = try unsafe SocketAddress.unix(path: path).withKernelForm {
            family, kernel, length throws(SystemCallError) in
            let fd = OwnedFD(owning: try systemCall("socket") { clinux_socket(family) })
            return unsafe connect(fd.rawValue, kernel, length) == 0 ? 0 : errno
        }
        // Only a refusal means that no process listens. A full backlog (EAGAIN) means that a process listens.
        guard answer == ECONNREFUSED else { throw SocketInUse(path: path) }
        return true
    }

    /// The path at which a socket is bound before it replaces the file at `path`. The caller holds the directory's lock.
    ///
    /// The name is short, because it counts for the limit of a Unix socket's path.
    private static func freeName(beside path: String) -> String {
        let name = Files.parent(of: path) + "/.new"
        // A process that ended between bind and rename has left it.
        if FileIdentity(name)?.isSocket == true { _ = unsafe unlink(name) }
        return name
    }

    private static func boundAddress(_ fd: CInt, asked: SocketAddress) -> SocketAddress {
        guard case .tcp(let host, port: 0) = asked else { return asked }
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let generic = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            _ = unsafe getsockname(fd, generic, &length)
        }
        // The port has the same offset in both address families.
        return .tcp(host: host, port: UInt16(bigEndian: storage.sin6_port))
    }
}

/// Another process serves the requested socket.
public struct SocketInUse: Error, Equatable, Sendable, CustomStringConvertible {
    /// The socket file.
    public let path: String
    /// The problem, and the action to take.
    public var description: String {
        "\(path) is served by a process that answers: stop it first, or choose another path"
    }
}

/// The identity of the file that a path leads to.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    let isSocket: Bool

    init?(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}
