import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import TLS

@Suite("Handshakes")
struct HandshakeTests {
    private let identity: TestIdentity
    private let stranger: TestIdentity

    init() throws {
        identity = try TestIdentity.make(name: "podvm-a")
        stranger = try TestIdentity.make(name: "podvm-a")
    }

    @Test("two ends of one identity exchange bytes in both directions")
    func agreement() async throws {
        try await onLoop { [identity] loop in
            let (client, server) = try await Handshake.run(
                identity.clientContext(), identity.serverContext(), on: loop
            ).ends()
            try await client.write([1, 2, 3])
            #expect(try await server.readExactly(3) == [1, 2, 3])
            try await server.write([4])
            #expect(try await client.readExactly(1) == [4])
        }
    }

    @Test("a server of another authority is not trusted, and learns why")
    func wrongAuthority() async throws {
        try await onLoop { [identity, stranger] loop in
            let handshake = try await Handshake.run(
                stranger.clientContext(), identity.serverContext(), on: loop)
            #expect(handshake.clientCode == .untrustedPeer)
            #expect(handshake.serverCode == .refusedByPeer)
        }
    }

    @Test("a server of another name is not trusted")
    func wrongName() async throws {
        try await onLoop { [identity] loop in
            let handshake = try await Handshake.run(
                identity.clientContext(), identity.serverContext(), name: "podvm-b", on: loop)
            #expect(handshake.clientCode == .wrongName)
        }
    }

    @Test("an expired certificate is not trusted, on either side")
    func expired() async throws {
        try await onLoop { [identity] loop in
            let (authority, server) = try ExpiredCertificates.server(name: "podvm-a")
            let client = try TLSContext.client(trusting: authority, identity: identity.client)
            let late = try TLSContext.server(identity: server, clientAuthorities: identity.client.certificate)
            #expect(try await Handshake.run(client, late, on: loop).clientCode == .expiredPeer)

            let lateClient = try ExpiredCertificates.client()
            let strict = try TLSContext.server(
                identity: identity.server, clientAuthorities: lateClient.certificate)
            let shows = try TLSContext.client(trusting: identity.authority, identity: lateClient)
            let handshake = try await Handshake.run(shows, strict, on: loop)
            #expect(handshake.serverCode == .expiredPeer)
            #expect(handshake.clientCode == .refusedByPeer)
        }
    }

    @Test("a client without a certificate, or with an unknown one, is refused, and learns it at once")
    func clients() async throws {
        try await onLoop { [identity, stranger] loop in
            let anonymous = try TLSContext.client(trusting: identity.authority, identity: nil)
            var handshake = try await Handshake.run(anonymous, identity.serverContext(), on: loop)
            #expect(handshake.serverCode == .anonymousPeer)
            #expect(handshake.clientCode == .refusedByPeer)

            let strange = try TLSContext.client(trusting: identity.authority, identity: stranger.client)
            handshake = try await Handshake.run(strange, identity.serverContext(), on: loop)
            #expect(handshake.serverCode == .untrustedPeer)
            #expect(handshake.clientCode == .refusedByPeer)
        }
    }

    @Test("clients with other authorities and certificates have one SSL_CTX, and each trusts and shows only its own")
    func sharedContext() async throws {
        try await onLoop { [identity] loop in
            let other = try TestIdentity.make(name: "podvm-a")
            let (one, two) = (try identity.clientContext(), try other.clientContext())
            #expect(unsafe one.pointer == two.pointer)
            for (client, server) in [(one, other), (two, identity)] {
                let handshake = try await Handshake.run(client, server.serverContext(), on: loop)
                #expect(handshake.clientCode == .untrustedPeer)
            }
            let expected = try await Self.shown(to: identity, by: one, on: loop)
            #expect(try await Self.shown(to: identity, by: one, on: loop) == expected)
            #expect(try await Self.shown(to: other, by: two, on: loop) != expected)
        }
    }

    /// The hash of the certificate that a client shows in a full handshake.
    private static func shown(
        to identity: TestIdentity, by client: TLSContext, on loop: EpollLoop
    ) async throws -> [UInt8] {
        let handshake = try await Handshake.run(client, identity.serverContext(), on: loop)
        let ends = try handshake.ends()
        #expect(!ends.client.isResumed)
        return try #require(ends.server.peerFingerprint)
    }

    @Test("with verification switched off, a server accepts every client, and a client accepts every server")
    func skipping() async throws {
        try await onLoop { [identity] loop in
            let server = try TLSContext.server(identity: identity.server, clientAuthorities: nil)
            let client = try TLSContext.client(trusting: nil, identity: nil, verifiesPeer: false)
            _ = try await Handshake.run(client, server, name: "anything", on: loop).ends()
            let error = #expect(throws: TLSError.self) {
                try TLSContext.client(trusting: identity.authority, identity: nil, verifiesPeer: false)
            }
            #expect(error?.code == .unusableProfile)
        }
    }

    @Test("bytes that are not TLS are recognised on both sides")
    func plainBytes() async throws {
        try await onLoop { [identity] loop in
            let (near, far) = try Stream.pair(on: loop)
            try await near.write(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            let server = await outcome {
                try await TLSStream.accept(over: far, context: identity.serverContext())
            }
            #expect(code(server) == .notTLS)

            let (client, peer) = try Stream.pair(on: loop)
            try await peer.write(Array("\0\0\0\u{5}hello, this is ttrpc".utf8))
            let answer = await outcome {
                try await TLSStream.connect(over: client, context: identity.clientContext(), serverName: "podvm-a")
            }
            #expect(code(answer) == .notTLS)
        }
    }

    @Test("a peer that closes during the handshake gives the error of a lost connection, which can be retried")
    func hangUp() async throws {
        try await onLoop { [identity] loop in
            let (near, far) = try Stream.pair(on: loop)
            far.close()
            let client = await outcome {
                try await TLSStream.connect(over: near, context: identity.clientContext(), serverName: "podvm-a")
            }
            if case .failure(let error as TLSError) = client { #expect(!error.isFinal) }
            #expect(near.isClosed)
        }
    }

    @Test("a handshake that does not end in time is given up")
    func deadline() async throws {
        try await onLoop { [identity] loop in
            let (near, far) = try Stream.pair(on: loop)
            await #expect(throws: DeadlineExceeded.self) {
                try await TLSStream.accept(
                    over: far, context: identity.serverContext(), deadline: .now + .milliseconds(20))
            }
            #expect(far.isClosed)
            near.close()
        }
    }

    @Test("the second connection resumes the first one's session")
    func resumption() async throws {
        try await onLoop { [identity] loop in
            let (client, server) = (try identity.clientContext(), try identity.serverContext())
            let sessions = TLSSessionCache()
            #expect(sessions.isEmpty)
            for round in 0..<4 {
                let ends = try await Handshake.run(client, server, sessions: sessions, on: loop).ends()
                #expect(ends.client.isResumed == (round > 0))
                #expect(ends.server.isResumed == (round > 0))
                try await ends.server.write([1])
                #expect(try await ends.client.readExactly(1) == [1])
                ends.client.close()
                ends.server.close()
            }
            // A forwarder that has restarted has no session, and the connection still succeeds.
            let ends = try await Handshake.run(
                client, identity.serverContext(), sessions: sessions, on: loop
            ).ends()
            #expect(!ends.client.isResumed)
        }
    }

    @Test("files that do not belong together, or are not PEM, are refused before the server starts")
    func unusableFiles() throws {
        let mixed = CertifiedKey(certificate: identity.server.certificate, key: stranger.server.key)
        let garbage = CertifiedKey(certificate: "hello", key: identity.server.key)
        let truncated = CertifiedKey(
            certificate: String(identity.server.certificate.prefix(200)), key: identity.server.key)
        for broken in [mixed, garbage, truncated] {
            let error = #expect(throws: TLSError.self) {
                try TLSContext.server(identity: broken, clientAuthorities: nil)
            }
            #expect(error?.code == .unusableIdentity)
        }
        let error = #expect(throws: TLSError.self) {
            try TLSContext.server(identity: identity.server, clientAuthorities: "")
        }
        #expect(error?.code == .unusableIdentity)
    }

    @Test("a user's files work like a generated identity, and the error names a missing file")
    func userFiles() async throws {
        let directory = try TemporaryDirectory()
        let certificate = try directory.write(identity.server.certificate, to: "tls.crt")
        let key = try directory.write(identity.server.key.reveal(), to: "tls.key")
        let authority = try directory.write(identity.authority, to: "ca.crt")
        try await onLoop { [identity] loop in
            let server = try TLSContext.server(
                identity: PEMFile.certifiedKey(certificate: certificate, key: key),
                clientAuthorities: identity.client.certificate)
            let client = try TLSContext.client(
                trusting: PEMFile.certificates(at: authority), identity: identity.client)
            _ = try await Handshake.run(client, server, on: loop).ends()
        }
        let error = #expect(throws: TLSError.self) { try PEMFile.certificates(at: directory.path + "/none") }
        #expect(error?.code == .unusableIdentity)
        #expect(error?.description.contains("/none") == true)
    }

    private func code(_ result: Result<TLSStream, any Error>) -> TLSError.Code? {
        if case .failure(let error as TLSError) = result { error.code } else { nil }
    }
}
