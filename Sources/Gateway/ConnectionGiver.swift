internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// Gives the shims' connections of this process to a newer gateway process.
struct ConnectionGiver: Sendable {
    /// The server of the hypervisor socket.
    let server: Server
    let succession: Succession
    let loop: EpollLoop
    let logger: Logger

    /// Gives the connections that have no call in flight.
    ///
    /// - Throws: `Status`. Then this process still serves them.
    func move(_ request: MoveConnectionsRequest) async throws -> MoveConnectionsResponse {
        guard succession.isSuperseded.isSet else {
            throw Status(.failedPrecondition, "the gateway still accepts connections: call HandOver first")
        }
        #if DEBUG
            CrashPoint.reach("before connections are moved")
        #endif
        let clients = await server.detachIdleConnections()
        if !clients.isEmpty {
            do {
                try await give(clients, to: request.socket)
            } catch {
                server.resume(clients)
                throw Status(.internal, "\(clients.count) connections of shims were not moved: \(error)")
            }
            server.leave(clients)
            logger.info("A newer gateway has connections of shims", [LogField("connections", clients.count)])
        }
        return .with { ($0.moved, $0.kept) = (clients.count, server.connectionCount) }
    }

    /// Sends connections. When this function returns, the newer process owns them; when it throws, this process does.
    private func give(_ clients: [DetachedClient], to path: String) async throws {
        let stream = try await Stream.connect(
            to: .unix(path: path), on: loop, deadline: .now + TunnelTransfer.timeout)
        defer { stream.close() }
        guard stream.isPeerTrusted else { throw Status(.permissionDenied, "another user listens on \(path)") }
        let transfer = TunnelTransfer(connection: stream, loop: loop)
        try await withDeadline(.now + TunnelTransfer.timeout, on: loop) { try await transfer.send(clients) }
        guard transfer.transferOwnership() else { throw Status(.unavailable, "the newer gateway has ended") }
    }
}
