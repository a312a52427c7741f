package import Configuration
package import LinuxIO
package import Telemetry

/// Where the gateway runs: the part that holds the shims' connections.
package enum GatewayPlace: Equatable, Sendable {
    /// In the adaptor's process. The shims' connections end with the adaptor.
    case inProcess
    /// In a process of its own (`cloud-api-adaptor gateway`), whose control socket has this path.
    case process(controlSocket: String)

    private static let inProcessWord = "in-process"

    /// The format of `-gateway`.
    package static let format = ValueFormat<GatewayPlace>(
        placeholder: "in-process|PATH",
        parse: { text throws(ValueError) in
            if text == inProcessWord { return .inProcess }
            guard text.hasPrefix("/") else {
                throw ValueError(expected: "\(inProcessWord), or the absolute path of the gateway's control socket")
            }
            return .process(controlSocket: text)
        },
        show: { place in
            switch place {
            case .inProcess: inProcessWord
            case .process(let controlSocket): controlSocket
            }
        })

    /// The socket on which the adaptor serves hypervisor calls: the shims', or the one for calls that the gateway forwards.
    package func servedSocket(forShims socket: String) -> String {
        switch self {
        case .inProcess: socket
        case .process(let controlSocket): Self.adaptorSocket(beside: controlSocket)
        }
    }

    /// The tunnels of the gateway's process; nil when the adaptor's process has the gateway.
    package func tunnels(on loop: EpollLoop, logger: Logger) -> GatewayTunnels? {
        guard case .process(let controlSocket) = self else { return nil }
        return GatewayTunnels(
            socket: controlSocket, adaptorSocket: Self.adaptorSocket(beside: controlSocket), on: loop, logger: logger)
    }

    private static func adaptorSocket(beside controlSocket: String) -> String {
        Files.parent(of: controlSocket) + "/adaptor.sock"
    }
}
