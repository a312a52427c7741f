internal import LinuxIO
internal import MachineIsolation
internal import PodNetwork

/// Gives a virtual machine its address, as Azure's network does.
struct DHCPServer: Sendable {
    /// The guest's address and the length of its network.
    let network: NetPrefix
    let gateway: NetAddress
    /// The guest's Ethernet address; others get no answer.
    let hardwareAddress: [UInt8]

    private static let (port, clientPort): (UInt16, UInt16) = (67, 68)
    private static let messageLimit = 1500
    /// 169.254.169.254 without a router, and all others by the gateway (RFC 3442).
    private var routes: [UInt8] { [32, 169, 254, 169, 254, 0, 0, 0, 0] + [0] + gateway.bytes }

    /// The answer to a message; nil for none.
    func answer(to bytes: [UInt8]) -> [UInt8]? {
        guard let message = DHCPMessage(bytes), message.hardwareAddress == hardwareAddress else { return nil }
        let own = network.address.bytes
        let server: (UInt8, [UInt8]) = (DHCPMessage.Option.server, gateway.bytes)
        switch message.kind {
        case .discover: return message.answer(.offer, address: own, options: [server] + settings)
        case .request:
            guard message.wantedAddress == own else {
                return message.answer(.refusal, address: [0, 0, 0, 0], options: [server])
            }
            return message.answer(.acknowledgement, address: own, options: [server] + settings)
        case .offer, .decline, .acknowledgement, .refusal: return nil
        }
    }

    private var settings: [(UInt8, [UInt8])] {
        let mask = network.length == 0 ? 0 : UInt32.max << UInt32(32 - network.length)
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: mask >> UInt32($0)) }
        return [
            (DHCPMessage.Option.mask, bytes), (DHCPMessage.Option.mtu, [5, 220]),
            // Without end.
            (DHCPMessage.Option.leaseTime, [255, 255, 255, 255]), (DHCPMessage.Option.routes, routes),
        ]
    }

    /// Answers on `interface` until cancelled.
    func run(on interface: String, loop: EpollLoop) async throws {
        let socket = try BroadcastSocket(on: interface, port: Self.port, to: Self.clientPort, loop: loop)
        defer {
            socket.input.close()
            socket.output.close()
        }
        while true {
            let bytes = try await socket.input.read(upTo: Self.messageLimit)
            guard let answer = answer(to: bytes) else { continue }
            try await socket.output.write(answer)
        }
    }
}
