import AgentTunnel
import KataProtocol
import LinuxIO
import PodVMBoot
import Synchronization
import TLS
import TTRPC

/// A VM as the connector sees it: a forwarder that has booted with its user data, and an agent.
final class TestVM: Sendable {
    /// The agent's answer to a health check.
    let health = Mutex(HealthCheckResponse.serving)
    /// The number of connections that the agent has accepted.
    let connections = Mutex(0)
    let address: SocketAddress
    private let forwarder: Listener
    private let agent: Listener?
    private let loop: EpollLoop

    /// With `hasAgent` false there is only the forwarder.
    init(in directory: String, hasAgent: Bool = true, on loop: EpollLoop) throws {
        self.loop = loop
        forwarder = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        address = forwarder.address
        agent = hasAgent ? try Listener.listen(on: .unix(path: directory + "/vm-agent.sock"), loop: loop) : nil
        agentPath = directory + "/vm-agent.sock"
    }

    private let agentPath: String

    var port: UInt16 { if case .tcp(_, let port) = address { port } else { 0 } }

    /// The document in `userData`, as the VM reads it.
    static func document(in userData: String) throws -> BootDocument {
        let config = try UserData.cloudConfig(in: Array(userData.utf8))
        let file = config.files.first { $0.path == GuestFile.bootDocument.path }
        return try BootDocument(parsing: Array((file?.content ?? "").utf8))
    }

    /// Boots with `document` and serves until cancelled.
    func run(_ document: BootDocument) async throws {
        var context: TLSContext?
        if let certificate = document.serverCertificate, let key = document.serverKey {
            context = try TLSContext.server(
                identity: CertifiedKey(certificate: certificate, key: key), clientAuthorities: document.clientCA)
        }
        var limits = GuestTunnel.Limits()
        limits.agentStart = .milliseconds(200)
        let tunnel = GuestTunnel(forwarder, security: context, agent: .unix(path: agentPath), limits: limits, on: loop)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await tunnel.run() }
            group.addTask { try await self.serveAgent() }
            defer { group.cancelAll() }
            while try await group.next() != nil {}
        }
    }

    /// Ends the agent: its connections break, and its socket is closed.
    func killAgent() { agent?.close() }

    private func serveAgent() async throws {
        guard let agent else { return }
        let services = Service.services(of: [
            Health.check.handled { [self] _, _ in
                var response = HealthCheckResponse()
                response.status = health.withLock { $0 }
                return response
            }
        ])
        let server = Server(services, on: loop)
        try? await withThrowingDiscardingTaskGroup { group in
            while true {
                let connection = try await agent.accept()
                connections.withLock { $0 += 1 }
                group.addTask { await server.serve(connection) }
            }
        }
    }
}
