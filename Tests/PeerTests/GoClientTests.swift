import AgentProtocolForwarder
import AgentTunnel
import LinuxIO
import TestSupport
import Testing

/// containerd's own client, as kata's Go shim uses it, on our server and through our tunnel.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct GoClientTests {
    @Test(
        "containerd's client gets the same answers from our server as from containerd's",
        arguments: [
            "unary", "sizes", "deadline", "hangup", "oversized-request", "oversized-answer", "blocked", "metadata",
            "statuses", "interleaved", "unknown", "frames", "malformed", "stream-ids", "drip", "garbage", "idle",
            "fidelity",
        ])
    func server(check: String) async throws {
        let peer = try GoPeer()
        _ = SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let listener = try Listener.listen(on: directory.socket("agent.sock"), loop: loop)
            try await alongside({ try await OurAgent().serve(listener, on: loop) }) {
                try await peer.check(check, listener.address, on: loop)
            }
        }
    }

    /// What the tunnel must let through as if it were not there.
    static let throughTunnel = [
        "unary", "sizes", "deadline", "hangup", "oversized-request", "blocked", "metadata", "statuses", "interleaved",
        "unknown", "frames", "drip", "garbage", "idle", "fidelity",
    ]

    @Test(
        "containerd's client reaches containerd's server through our tunnel",
        arguments: throughTunnel + ["malformed", "oversized-relayed"])
    func tunnelToGo(check: String) async throws {
        let peer = try GoPeer()
        _ = SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            try await PeerTunnel.with(on: loop) { tunnel in
                try await peer.withAgent(at: tunnel.agent, on: loop) { _ in
                    try await peer.check(check, tunnel.socket, on: loop)
                }
            }
        }
    }

    @Test(
        "containerd's client reaches our server through our tunnel",
        arguments: throughTunnel + ["malformed", "oversized-answer", "stream-ids"])
    func tunnelToOurs(check: String) async throws {
        let peer = try GoPeer()
        _ = SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            try await PeerTunnel.with(on: loop) { tunnel in
                let listener = try Listener.listen(on: tunnel.agent, loop: loop)
                try await alongside({ try await OurAgent().serve(listener, on: loop) }) {
                    try await peer.check(check, tunnel.socket, on: loop)
                }
            }
        }
    }

    @Test(
        "containerd's server sees the same calls with and without the forwarder, except for the rewritten calls",
        arguments: throughTunnel + ["oversized-relayed", "rewrites", "hidden"])
    func forwarder(check: String) async throws {
        let peer = try GoPeer()
        let podNamespace = "/run/netns/podns"
        try await onLoop { loop in
            let held = HeldFrames()
            let filter: GuestTunnel.FilterFactory = { AgentCallRewriter(podNamespace: podNamespace, holdingIn: held) }
            try await PeerTunnel.with(on: loop, filter: filter) { tunnel in
                try await peer.withAgent(at: tunnel.agent, on: loop) { _ in
                    try await peer.check(check, tunnel.socket, with: podNamespace, on: loop)
                }
            }
            #expect(held.bytes == 0)
        }
    }

    @Test("a refused call is answered between the frames of containerd's server, which never gets it")
    func refused() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let filter: GuestTunnel.FilterFactory = {
                AgentCallRewriter(podNamespace: "/run/netns/podns", permitting: .strict)
            }
            try await PeerTunnel.with(on: loop, filter: filter) { tunnel in
                try await peer.withAgent(at: tunnel.agent, on: loop) { _ in
                    try await peer.check("refused", tunnel.socket, on: loop)
                }
            }
        }
    }

    @Test("calls with hidden requests for a network reach containerd's server when no forwarder refuses them")
    func hiddenWithoutForwarder() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            try await peer.withAgent(at: directory.socket("agent.sock"), on: loop) { address in
                try await peer.check("hidden", address, on: loop)
            }
        }
    }

    @Test(
        "streams are the same for containerd's client and server",
        .disabled("containerd/ttrpc 1.1, Debian 12's, has no streams yet; 1.2 would be needed"))
    func streams() {}
}
