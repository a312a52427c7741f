internal import Fuzzing
internal import KataProtocol
internal import PeerPodProtocol
internal import TTRPC

/// Each message of kata that was read from any bytes is the same after it is written and read again.
@main
struct MessageFuzzer {
    static func main() {
        Fuzzer.run { input in
            guard let kind = input.first else { return }
            let bytes = Array(input.dropFirst())
            switch kind % 23 {
            case 0: examine(bytes, as: CreateVMRequest.self)
            case 1: examine(bytes, as: VMRequest.self)
            case 2: examine(bytes, as: CreateContainerRequest.self)
            case 3: examine(bytes, as: CreateSandboxRequest.self)
            case 4: examine(bytes, as: ExecProcessRequest.self)
            case 5: examine(bytes, as: GetInfoRequest.self)
            case 6: examine(bytes, as: ReadStreamRequest.self)
            case 7: examine(bytes, as: WriteStreamRequest.self)
            case 8: examine(bytes, as: SignalProcessRequest.self)
            case 9: examine(bytes, as: CreateVMResponse.self)
            case 10: examine(bytes, as: WaitProcessResponse.self)
            case 11: examine(bytes, as: VMNetworkStatus.self)
            case 12: examine(bytes, as: PodNetworkStatus.self)
            case 13: examine(bytes, as: ReadStreamResponse.self)
            case 14: examine(bytes, as: AttachRequest.self)
            case 15: examine(bytes, as: GatewayEvent.self)
            case 16: examine(bytes, as: TunnelList.self)
            case 17: examine(bytes, as: MoveTunnelRequest.self)
            case 18: examine(bytes, as: MoveTunnelResponse.self)
            case 19: examine(bytes, as: MovedTunnel.self)
            case 20: examine(bytes, as: MoveConnectionsResponse.self)
            case 21: examine(bytes, as: MovedConnections.self)
            default:
                examine(bytes, as: OpenTunnelRequest.self)
                examinePlan(bytes)
            }
        }
    }

    /// The plan of a request makes an equal request.
    private static func examinePlan(_ bytes: [UInt8]) {
        guard let request = try? OpenTunnelRequest(parsing: bytes), let plan = try? request.plan() else { return }
        let again = OpenTunnelRequest(plan, for: request.sandbox, connectsAhead: request.connectsAhead)
        require((try? again.plan()) == plan, "\(again)")
    }

    private static func examine<Kind: Message>(_ bytes: [UInt8], as kind: Kind.Type) {
        guard let message = try? kind.init(parsing: bytes) else { return }
        // With a low limit on fields, the message is the same or refused.
        if let within = try? kind.init(parsing: bytes, fieldLimit: 8) { require(within == message, "\(message)") }
        let written = message.encoded
        require((try? kind.init(parsing: written)) == message, "\(message)")
        require((try? kind.init(parsing: written))?.encoded == written, "\(message)")
    }
}
