internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// Gives this process's tunnels to a newer gateway process.
struct TunnelGiver: Sendable {
    let tunnels: NodeTunnels
    let succession: Succession
    let loop: EpollLoop
    let logger: Logger

    /// The pause between two looks whether the given connections have ended here.
    private static let pause = Duration.milliseconds(10)

    /// Gives a tunnel and those of its connections that the newer process can continue.
    ///
    /// - Throws: `Status`. Then this process still serves the tunnel.
    func move(_ request: MoveTunnelRequest) async throws -> MoveTunnelResponse {
        guard succession.isSuperseded.isSet else {
            throw Status(.failedPrecondition, "the gateway still accepts connections: call HandOver first")
        }
        guard let (plan, tunnel) = tunnels.tunnel(of: request.sandbox) else {
            throw Status(.notFound, "the gateway has no tunnel of \(request.sandbox)")
        }
        #if DEBUG
            CrashPoint.reach("before a tunnel is moved")
        #endif
        let connections = tunnel.detachConnections()
        let isMoved = tunnel.accepts || !connections.isEmpty
        if isMoved {
            do {
                try await give(tunnel, plan, connections, to: request)
            } catch {
                // The plan is the tunnel's own, and the state is from this process.
                try? tunnels.preparing(plan, for: request.sandbox, nil, connections)()
                throw Status(.internal, "the tunnel of \(request.sandbox) was not moved: \(error)")
            }
            tunnel.leave()
            for connection in connections { connection.leave() }
            logger.info(
                "A newer gateway has a tunnel",
                [LogField("sandbox", request.sandbox), LogField("connections", connections.count)])
        }
        let kept = await connectionsLeft(of: tunnel)
        if kept == 0 { await tunnels.close(request.sandbox) }
        return .with { ($0.isMoved, $0.kept) = (isMoved, kept) }
    }

    /// The connections that stay, once those that do not have ended.
    private func connectionsLeft(of tunnel: NodeTunnel) async -> Int {
        for _ in 0..<20 where tunnel.connections > 0 { try? await loop.sleep(for: Self.pause) }
        return tunnel.connections
    }

    /// Sends a tunnel. When this function returns, the newer process owns it; when it throws, this process does.
    private func give(
        _ tunnel: NodeTunnel, _ plan: TunnelPlan, _ connections: [DetachedConnection], to request: MoveTunnelRequest
    ) async throws {
        let stream = try await Stream.connect(
            to: .unix(path: request.socket), on: loop, deadline: .now + TunnelTransfer.timeout)
        defer { stream.close() }
        guard stream.isPeerTrusted else { throw Status(.permissionDenied, "another user listens on \(request.socket)") }
        let transfer = TunnelTransfer(connection: stream, loop: loop)
        let header = MovedTunnel.with {
            $0.plan = OpenTunnelRequest(plan, for: request.sandbox, connectsAhead: false)
            ($0.hasListener, $0.connections) = (tunnel.accepts, connections.count)
        }
        try await withDeadline(.now + TunnelTransfer.timeout, on: loop) {
            try await transfer.send(header, tunnel, connections)
        }
        // No other task runs between this look and the transfer.
        guard tunnels.tunnel(of: request.sandbox) != nil else {
            throw Status(.aborted, "the tunnel was closed while it was moved")
        }
        #if DEBUG
            CrashPoint.reach("before a tunnel's ownership is transferred")
        #endif
        guard transfer.transferOwnership() else { throw Status(.unavailable, "the newer gateway has ended") }
        #if DEBUG
            CrashPoint.reach("after a tunnel's ownership was transferred")
        #endif
    }
}
