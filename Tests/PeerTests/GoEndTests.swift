import AgentProtocolForwarder
import AgentTunnel
import LinuxIO
import TLS
import TestSupport
import Testing

/// Either end of the tunnel replaced by what the Go programs have there: containerd's ttrpc straight in Go's TLS.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct GoEndTests {
    private static let podNamespace = "/run/netns/podns"
    private static let calls = [
        "unary", "sizes", "deadline", "hangup", "oversized-request", "blocked", "metadata", "statuses", "interleaved",
        "fidelity",
    ]

    @Test("a Go adaptor reaches the agent through our forwarder", arguments: calls + ["rewrites", "hidden"])
    func goAdaptor(check: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let (papers, directory) = (try Papers(for: "podvm-a"), try TemporaryDirectory())
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let address = listener.address
            let held = HeldFrames()
            let guest = GuestTunnel(
                listener,
                security: try .server(
                    identity: papers.identity.server, clientAuthorities: papers.identity.client.certificate),
                agent: directory.socket("agent.sock"), on: loop
            ) { AgentCallRewriter(podNamespace: GoEndTests.podNamespace, holdingIn: held) }
            try await alongside(guest.run) {
                try await peer.withAgent(at: directory.socket("agent.sock"), on: loop) { _ in
                    try await peer.check(
                        check, address, with: GoEndTests.podNamespace,
                        flags: papers.client() + ["-server-name", papers.name], on: loop)
                }
            }
        }
    }

    @Test("our adaptor reaches the agent through a Go forwarder", arguments: calls, ["1.2", "1.3"])
    func goForwarder(check: String, version: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let (papers, directory) = (try Papers(for: "podvm-a"), try TemporaryDirectory())
            let anyPort = SocketAddress.tcp(host: "127.0.0.1", port: 0)
            try await peer.withAgent(at: anyPort, flags: papers.server() + ["-max", version], on: loop) { address in
                let context = try TLSContext.client(
                    trusting: papers.identity.authority, identity: papers.identity.client,
                    profile: TLSProfile(minimumVersion: "VersionTLS12"))
                let socket = directory.socket("agent.ttrpc")
                let node = NodeTunnel(
                    try Listener.listen(on: socket, loop: loop),
                    to: Dialer(
                        to: address, security: ClientSecurity(context: context, serverName: papers.name), on: loop),
                    on: loop)
                try await alongside(node.run) { try await peer.check(check, socket, on: loop) }
            }
        }
    }
}
