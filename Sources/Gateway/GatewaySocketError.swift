internal import LinuxIO

/// The reason why one of the gateway's sockets cannot be served.
struct GatewaySocketError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The path, the reason and the advice, as sentences.
    let description: String

    private init(_ path: String, _ reason: String, _ advice: String) {
        description = "The gateway's socket \(path) cannot be served: \(reason). Try this: \(advice)."
    }

    /// A listener on a unix socket of mode 0600, in a directory in which no other user can replace the socket.
    static func listener(at path: String, on loop: EpollLoop) throws(GatewaySocketError) -> Listener {
        do {
            // Other users may list the agents' sockets below the directory. The mode of each socket decides who may
            // connect.
            _ = try Directory.trusted(Files.parent(of: path), makingWith: 0o755)
            return try Listener.listen(on: .unix(path: path), loop: loop, mode: 0o600)
        } catch is SocketInUse {
            throw GatewaySocketError(
                path, "another process answers on it",
                "stop the gateway or the cloud-api-adaptor that runs on this node, or choose other paths with -socket "
                    + "and -gateway-socket")
        } catch {
            throw GatewaySocketError(
                path, "\(error)",
                "check that only this user can write the socket's directory, or choose another path with -socket or "
                    + "-gateway-socket")
        }
    }
}
