public import LinuxIO
public import TTRPC
public import Telemetry

/// The adaptor's unix socket. Only root may connect to it.
public final class HypervisorServer: Sendable {
    /// The path of the socket.
    public let path: String
    private let listener: Listener
    private let server: Server

    private init(path: String, listener: Listener, server: Server) {
        self.path = path
        self.listener = listener
        self.server = server
    }

    /// Starts to listen. Connections wait until ``run()``.
    ///
    /// It creates the socket's directory if needed, and replaces a socket of an earlier process.
    /// - Throws: ``HypervisorSocketError`` with the remedy.
    public static func listen(
        on path: String, serving services: [Service], loop: EpollLoop, limits: ServerLimits = .standard,
        logger: Logger = .silent
    ) throws(HypervisorSocketError) -> HypervisorServer {
        let limit = SocketAddress.unixPathLimit
        guard path.utf8.count <= limit else {
            throw HypervisorSocketError(
                path: path,
                reason: "the path has \(path.utf8.count) bytes, and a unix socket's path may have \(limit)",
                advice: "choose a shorter path with -socket")
        }
        do {
            // Other users may list the agents' sockets below the directory. The mode of each socket decides who may
            // connect.
            _ = try Directory.trusted(Files.parent(of: path), makingWith: 0o755)
            let listener = try Listener.listen(on: .unix(path: path), loop: loop, mode: 0o600)
            let server = Server(services, on: loop, limits: limits, logger: logger)
            return HypervisorServer(path: path, listener: listener, server: server)
        } catch is SocketInUse {
            throw HypervisorSocketError(
                path: path, reason: "another process answers on it",
                advice: "stop the cloud-api-adaptor that runs on this node, or choose another path with -socket")
        } catch let error as FileError {
            throw HypervisorSocketError(
                path: path, reason: "\(error)",
                advice:
                    "check that only this user can write the socket's directory, or choose another path with -socket")
        } catch {
            throw HypervisorSocketError(
                path: path, reason: "\(error)",
                advice: "check that the directory can be written, and that no other file is in the way")
        }
    }

    /// Serves until cancelled; then the calls in flight are cancelled and the socket is removed.
    ///
    /// The socket's file stays if `isReplaced` then says that another process replaces it: so its path always exists.
    /// - Throws: `CancellationError`, or the reason why no more connections can be accepted.
    public func run(isReplaced: @Sendable () -> Bool = { false }) async throws {
        defer { close(isReplaced: isReplaced()) }
        try await server.serve(listener)
    }

    /// Accepts no more connections. Removes the socket's file, unless another process replaces it. Idempotent.
    public func close(isReplaced: Bool) { listener.close(keepsFile: isReplaced) }
}

/// The reason why the adaptor's socket cannot be served.
public struct HypervisorSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The socket's path.
    public let path: String
    /// The reason of the failure.
    public let reason: String
    /// What to do next.
    public let advice: String

    /// The path, the reason and the advice, as sentences.
    public var description: String { "The hypervisor socket \(path) cannot be served: \(reason). Try this: \(advice)." }
}
