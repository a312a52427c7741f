public import LinuxIO
public import TTRPC
public import Telemetry

/// The adaptor's unix socket, which only root may connect to.
public final class HypervisorServer: Sendable {
    /// Where it listens.
    public let path: String
    private let listener: Listener
    private let server: Server

    private init(path: String, listener: Listener, server: Server) {
        self.path = path
        self.listener = listener
        self.server = server
    }

    /// Starts to listen; connections wait until ``run()``.
    ///
    /// The socket's directory is made when needed, and a socket that an earlier process has left is replaced.
    /// - Throws: ``HypervisorSocketError``, which says what to do.
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
            // Others may look for the agents' sockets below it; what they may connect to is the sockets' business.
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
    /// - Throws: `CancellationError`, or why no more connections can be accepted.
    public func run() async throws {
        defer { listener.close() }
        try await server.serve(listener)
    }
}

/// Why the adaptor's socket cannot be served.
public struct HypervisorSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The socket's path.
    public let path: String
    /// What failed.
    public let reason: String
    /// What to do.
    public let advice: String

    /// All of it, as a sentence.
    public var description: String { "The hypervisor socket \(path) cannot be served: \(reason). Try this: \(advice)." }
}
