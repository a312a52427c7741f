import AgentTunnel
import LinuxIO
import TLS
import TestSupport

/// Both ends of our tunnel, encrypted, to whatever serves the agent's socket.
struct PeerTunnel: Sendable {
    let directory: TemporaryDirectory
    /// Where the agent is to listen.
    var agent: SocketAddress { directory.socket("agent.sock") }
    /// Where the shim connects to.
    var socket: SocketAddress { directory.socket("agent.ttrpc") }

    /// Runs a tunnel for as long as `body` takes.
    static func with(
        on loop: EpollLoop, filter: @escaping GuestTunnel.FilterFactory = { nil },
        _ body: (PeerTunnel) async throws -> Void
    ) async throws {
        let tunnel = PeerTunnel(directory: try TemporaryDirectory())
        let identity = try SandboxIdentity.make(vmName: "podvm-peer")
        let guestListener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let forwarder = guestListener.address
        let guest = GuestTunnel(
            guestListener,
            security: try .server(identity: identity.server, clientAuthorities: identity.client.certificate),
            agent: tunnel.agent, on: loop, filter: filter)
        let security = ClientSecurity(
            context: try .client(trusting: identity.authority, identity: identity.client), serverName: "podvm-peer")
        let node = NodeTunnel(
            try Listener.listen(on: tunnel.socket, loop: loop),
            to: Dialer(to: forwarder, security: security, on: loop),
            on: loop)
        try await alongside(guest.run) {
            try await alongside(node.run) { try await body(tunnel) }
        }
    }
}
