import LinuxIO
import TestSupport
import Testing

@testable import TLS

@Suite("Clocks of node and VM")
struct CertificateDatesTests {
    /// What a node makes whose clock is `ahead` of the VM's, both in seconds.
    private static func identity(madeBy ahead: Int) throws -> TestIdentity {
        let made = CertificateTemplate.validity
        let validity = made.lowerBound + ahead...made.upperBound + ahead
        let authority = try IssuedCertificate.selfSigned(CertificateTemplate(.authority, "server"), validity: validity)
        return TestIdentity(
            authority: try authority.certificatePEM(),
            server: try IssuedCertificate.issued(
                CertificateTemplate(.server(name: "podvm-a"), "server"), by: authority, validity: validity
            )
            .certifiedKey(),
            client: try IssuedCertificate.selfSigned(CertificateTemplate(.client, "client"), validity: validity)
                .certifiedKey())
    }

    @Test(
        "a clock almost a day behind the node's, or a year ahead of it, does not prevent a pod's start",
        arguments: [23 * 3600, 301, 0, -365 * 24 * 3600])
    func tolerated(ahead: Int) async throws {
        try await onLoop { loop in
            let identity = try Self.identity(madeBy: ahead)
            _ = try await Handshake.run(identity.clientContext(), identity.serverContext(), on: loop).ends()
        }
    }

    @Test("a VM whose clock is too far behind reports by how much, and the node reports its certificate's dates")
    func behind() async throws {
        try await onLoop { loop in
            let identity = try Self.identity(madeBy: 25 * 3600)
            let trusting = try TLSContext.client(trusting: nil, identity: identity.client, verifiesPeer: false)
            let handshake = try await Handshake.run(trusting, identity.serverContext(), on: loop)
            let server = try #require(Self.error(handshake.server))
            #expect(server.code == .expiredPeer)
            let late = try #require(Self.seconds(before: " seconds behind", in: server.reason))
            #expect((3500...3600).contains(late))
            let client = try #require(Self.error(handshake.client))
            #expect(client.code == .refusedByPeer)
            #expect(client.reason.contains("our certificate is valid from 20"), "\(client)")
        }
    }

    @Test("a node whose clock is wrong reports how far the VM's certificate is from its valid dates")
    func node() async throws {
        try await onLoop { loop in
            let early = try Self.identity(madeBy: 25 * 3600)
            var handshake = try await Handshake.run(early.clientContext(), early.serverContext(), on: loop)
            let behind = try #require(Self.error(handshake.client))
            #expect(behind.code == .expiredPeer)
            let late = try #require(Self.seconds(before: " seconds behind", in: behind.reason))
            #expect((3500...3600).contains(late))

            let old = try Self.identity(madeBy: -CertificateTemplate.validity.upperBound - 7200)
            handshake = try await Handshake.run(old.clientContext(), old.serverContext(), on: loop)
            let ahead = try #require(Self.error(handshake.client))
            #expect(ahead.code == .expiredPeer)
            let past = try #require(Self.seconds(before: " seconds ahead", in: ahead.reason))
            #expect((7200...7400).contains(past))
        }
    }

    private static func error(_ result: Result<TLSStream, any Error>) -> TLSError? {
        if case .failure(let error as TLSError) = result { error } else { nil }
    }

    private static func seconds(before words: String, in text: String) -> Int? {
        guard let range = text.firstRange(of: words) else { return nil }
        return text[..<range.lowerBound].split(separator: " ").last.flatMap { Int($0) }
    }
}
