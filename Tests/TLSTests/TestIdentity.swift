import LinuxIO

@testable import TLS

/// The certificates of a server and of its only client.
struct TestIdentity: Sendable {
    let authority: String
    let server: CertifiedKey
    let client: CertifiedKey

    static func make(name: String) throws(TLSError) -> TestIdentity {
        let server = try ServerIdentity.make(name: name, organization: "server")
        return TestIdentity(
            authority: server.authority, server: server.server, client: try .makeClient(organization: "client"))
    }

    func clientContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .client(trusting: authority, identity: client, profile: profile)
    }

    func serverContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .server(identity: server, clientAuthorities: client.certificate, profile: profile)
    }
}
