import AgentTunnel
import JSON
import LinuxIO
import TLS
import TestSupport
import Testing

/// Go's crypto/tls, set up as the Go adaptor dials and the Go forwarder listens, with our certificates.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct TLSPeerTests {
    private static let name = "podvm-nginx-0123abcd"

    @Test("Go's client trusts our server, and is trusted by it", arguments: ["1.2", "1.3"])
    func goDials(version: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let papers = try Papers(for: TLSPeerTests.name)
            let context = try TLSContext.server(
                identity: papers.identity.server, clientAuthorities: papers.identity.client.certificate,
                profile: try TLSProfile(minimumVersion: "VersionTLS12"))
            let report = try await TLSPeerTests.dial(
                peer, context, papers.client() + ["-server-name", TLSPeerTests.name, "-max", version], on: loop)
            #expect(report["ok"]?.boolValue == true, "\(report)")
            #expect(report["version"]?.stringValue == version)
            #expect(report["line"]?.stringValue == "hello")
            #expect(report["peer"]?.stringValue?.contains("O=agent-protocol-forwarder") == true, "\(report)")
            #expect(report["peer"]?.stringValue?.contains("CN=" + TLSPeerTests.name) == true, "\(report)")
        }
    }

    @Test("Go's client refuses our server under another name, or from another authority")
    func goRefuses() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let (papers, others) = (try Papers(for: TLSPeerTests.name), try Papers(for: TLSPeerTests.name))
            let context = try TLSContext.server(
                identity: papers.identity.server, clientAuthorities: papers.identity.client.certificate)
            let wrongName = try await TLSPeerTests.dial(
                peer, context, papers.client() + ["-server-name", "podvm-other"], on: loop)
            #expect(wrongName["error"]?.stringValue?.contains("certificate is valid for \(TLSPeerTests.name)") == true)
            let wrongAuthority = try await TLSPeerTests.dial(
                peer, context,
                papers.client(trusting: others.identity.authority) + ["-server-name", TLSPeerTests.name],
                on: loop)
            #expect(wrongAuthority["error"]?.stringValue?.contains("unknown authority") == true, "\(wrongAuthority)")
            let wrongClient = try await TLSPeerTests.dial(
                peer, context,
                others.client(trusting: papers.identity.authority) + ["-server-name", TLSPeerTests.name], on: loop)
            #expect(wrongClient["ok"]?.boolValue == false, "our server let a stranger in: \(wrongClient)")
        }
    }

    @Test("Go's server trusts our client, and is trusted by it", arguments: ["1.2", "1.3"])
    func goListens(version: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let papers = try Papers(for: TLSPeerTests.name)
            let context = try TLSContext.client(
                trusting: papers.identity.authority, identity: papers.identity.client,
                profile: try TLSProfile(minimumVersion: "VersionTLS12"))
            let report = try await TLSPeerTests.listen(peer, papers.server() + ["-max", version], on: loop) { port in
                let address = SocketAddress.tcp(host: "127.0.0.1", port: port)
                let dialer = Dialer(
                    to: address, security: ClientSecurity(context: context, serverName: TLSPeerTests.name), on: loop)
                let stream = try await dialer.connect(deadline: .now + .seconds(20))
                defer { stream.close() }
                try await stream.write(Array("hello\n".utf8))
                #expect(try await stream.read(upTo: 100) == Array("hello\n".utf8))
            }
            #expect(report["ok"]?.boolValue == true, "\(report)")
            #expect(report["version"]?.stringValue == version)
            #expect(report["peer"]?.stringValue?.contains("O=cloud-api-adaptor") == true, "\(report)")
        }
    }

    @Test("our client refuses Go's server under another name, and Go's server refuses an unknown client")
    func weRefuse() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let (papers, others) = (try Papers(for: TLSPeerTests.name), try Papers(for: TLSPeerTests.name))
            let context = try TLSContext.client(
                trusting: papers.identity.authority, identity: papers.identity.client)
            for (flags, name) in [
                (try papers.server(), "podvm-other"),
                (try papers.server(trusting: others.identity.client.certificate), TLSPeerTests.name),
            ] {
                _ = try await TLSPeerTests.listen(peer, flags, on: loop) { port in
                    let address = SocketAddress.tcp(host: "127.0.0.1", port: port)
                    let dialer = Dialer(
                        to: address, security: ClientSecurity(context: context, serverName: name), on: loop)
                    await #expect(throws: DialError.self) {
                        try await dialer.connect(deadline: .now + .seconds(20))
                    }
                }
            }
        }
    }

    @Test(
        "our client asks Go's server once for an application protocol, which the server speaks or refuses",
        arguments: [
            (nil, false, "1.3"), ("other", false, "1.3"), ("other,peerpod.v1", true, "1.3"), (nil, false, "1.2"),
            ("other", false, "1.2"), ("peerpod.v1", true, "1.2"),
        ])
    func asksForProtocol(known: String?, speaks: Bool, version: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let papers = try Papers(for: TLSPeerTests.name)
            let context = try TLSContext.client(
                trusting: papers.identity.authority, identity: papers.identity.client,
                profile: try TLSProfile(minimumVersion: "VersionTLS12"))
            let flags = try papers.server() + ["-max", version] + (known.map { ["-alpn", $0] } ?? [])
            let report = try await TLSPeerTests.listen(peer, flags, on: loop) { port in
                let dialer = Dialer(
                    to: .tcp(host: "127.0.0.1", port: port),
                    security: ClientSecurity(context: context, serverName: TLSPeerTests.name), on: loop)
                let stream = try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(20))
                defer { stream?.close() }
                #expect((stream != nil) == speaks)
                try await stream?.write(Array("hello\n".utf8))
                if let stream { #expect(try await stream.read(upTo: 100) == Array("hello\n".utf8)) }
            }
            #expect(report["ok"]?.boolValue == speaks, "\(report)")
            #expect(report["alpn"]?.stringValue == (speaks ? "peerpod.v1" : nil))
        }
    }

    @Test("Go's client gets the application protocol that our server knows, and a connection also without a protocol")
    func isAskedForProtocol() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let papers = try Papers(for: TLSPeerTests.name)
            let context = try TLSContext.server(
                identity: papers.identity.server, clientAuthorities: papers.identity.client.certificate)
            for (asked, chosen) in [("h2,peerpod.v1", "peerpod.v1"), ("h2", nil), (nil, nil)] as [(String?, String?)] {
                let flags =
                    try papers.client() + ["-server-name", TLSPeerTests.name] + (asked.map { ["-alpn", $0] } ?? [])
                let report = try await TLSPeerTests.dial(
                    peer, context, flags, protocols: ["peerpod.v1"], on: loop)
                #expect(report["ok"]?.boolValue == true, "\(report)")
                #expect(report["alpn"]?.stringValue == chosen)
            }
        }
    }

    /// Has Go dial a server of ours that sends back what it hears.
    private static func dial(
        _ peer: GoPeer, _ context: TLSContext, _ flags: [String], protocols: [String] = [], on loop: EpollLoop
    ) async throws -> JSONValue {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        defer { listener.close() }
        async let served: Void = echoOnce(listener, context, protocols)
        let run = try await peer.run(["tls", "-dial", listener.address.description] + flags, on: loop)
        // A client that was refused may have been refused by either side.
        try? await served
        #expect(run.status == .exited(0), "\(run.errorText)")
        return try JSONValue(parsing: run.output)
    }

    private static func echoOnce(_ listener: Listener, _ context: TLSContext, _ protocols: [String]) async throws {
        let stream = try await TLSStream.accept(over: listener.accept(), context: context, protocols: protocols)
        defer { stream.close() }
        try await stream.write(stream.read(upTo: 100))
        try await stream.finishWriting()
    }

    /// Has Go serve one connection while `body` has its port.
    private static func listen(
        _ peer: GoPeer, _ flags: [String], on loop: EpollLoop, _ body: @escaping @Sendable (UInt16) async throws -> Void
    ) async throws -> JSONValue {
        let options = ChildProcess.Options(executable: peer.path, arguments: ["tls", "-serve", "127.0.0.1:0"] + flags)
        let failure = Lock<(any Error)?>(nil)
        let run = try await ProgramRun.of(options, on: loop) { said in
            // The only thing it says on stderr is where it listens.
            guard case .tcp(_, let port)? = try? SocketAddress(parsing: said.filter { !$0.isNewline }) else { return }
            do { try await body(port) } catch { failure.withLock { $0 = error } }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        #expect(run.status == .exited(0), "\(run.errorText)")
        return try JSONValue(parsing: run.output)
    }
}
