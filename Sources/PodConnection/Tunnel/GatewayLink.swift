internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// Attaches this adaptor to the gateway, and attaches again whenever the connection has ended.
struct GatewayLink: Sendable {
    /// The gateway's control socket.
    let socket: String
    /// The socket on which this adaptor serves hypervisor calls.
    let adaptorSocket: String
    let loop: EpollLoop
    let logger: Logger

    /// The pauses between two attempts to attach.
    private static let pauses = Duration.milliseconds(50)...Duration.seconds(5)
    private static let timeout = Duration.seconds(5)

    /// Attaches, runs `body` while attached, and repeats that until cancelled. `body` gets the connection and the events
    /// after the first.
    func run(_ body: @escaping @Sendable (Client, Client.Responses<GatewayEvent>) async throws -> Void) async {
        var pause = Self.pauses.lowerBound
        while !Task.isCancelled {
            let wasAttached = Lock(false)
            do {
                try await attach { client, events in
                    wasAttached.withLock { $0 = true }
                    try await body(client, events)
                }
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "Not attached to the gateway; trying again",
                    [LogField("gateway", socket), LogField("error", error)])
            }
            if wasAttached.withLock({ $0 }) { pause = Self.pauses.lowerBound }
            do { try await loop.sleep(for: pause) } catch { return }
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }

    private func attach(
        _ body: @escaping @Sendable (Client, Client.Responses<GatewayEvent>) async throws -> Void
    ) async throws {
        let stream = try await Stream.connect(
            to: .unix(path: socket), on: loop, deadline: .now.advanced(by: Self.timeout))
        try await Client.with(stream, on: loop) { client in
            let request = AttachRequest.with {
                ($0.version, $0.adaptorSocket) = (GatewayControl.version, adaptorSocket)
            }
            let events = try await client.call(GatewayControl.attach, request)
            let status = try await withDeadline(.now.advanced(by: Self.timeout), on: loop) {
                try await events.next()?.status
            }
            guard let status else { throw Status(.internal, "the gateway sent no status") }
            try GatewayControl.check(status.version, of: "gateway", for: "adaptor")
            logger.info(
                "Attached to the gateway",
                [
                    LogField("gateway", socket), LogField("generation", status.generation),
                    LogField("tunnels", status.tunnels), LogField("waitingCalls", status.waitingCalls),
                ])
            try await body(client, events)
        }
    }
}
