internal import Configuration
internal import LinuxIO

/// Where the gateway runs: the part that holds the shims' connections.
enum GatewayPlace: Equatable, Sendable {
    /// In the adaptor's process. The shims' connections end with the adaptor.
    case inProcess
    /// In a process of its own (`cloud-api-adaptor gateway`), whose control socket has this path.
    case process(controlSocket: String)

    private static let inProcessWord = "in-process"

    /// The format of `-gateway`.
    static let format = ValueFormat<GatewayPlace>(
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
}

extension AdaptorConfiguration {
    /// The socket on which this process serves hypervisor calls: the shims', or those that the gateway forwards.
    var servedSocket: String {
        switch gateway {
        case .inProcess: socketPath
        case .process(let controlSocket): Files.parent(of: controlSocket) + "/adaptor.sock"
        }
    }
}
