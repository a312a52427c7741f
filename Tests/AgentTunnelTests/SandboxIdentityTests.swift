import LinuxIO
import TLS
import Telemetry
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("Sandbox identities")
struct SandboxIdentityTests {
    @Test("the certificates satisfy the rules of the Go peers, as openssl prints them")
    func contents() async throws {
        let identity = try SandboxIdentity.make(vmName: "podvm-nginx-0123abcd")
        let server = try await describe(identity.server.certificate)
        #expect(server.contains("Subject: O = agent-protocol-forwarder, CN = podvm-nginx-0123abcd"))
        #expect(server.contains("Issuer: O = agent-protocol-forwarder\n"))
        #expect(server.contains("DNS:podvm-nginx-0123abcd\n"))
        #expect(server.contains("TLS Web Server Authentication"))
        #expect(server.contains("CA:FALSE"))
        #expect(server.contains("NIST CURVE: P-256"))
        let authority = try await describe(identity.authority)
        #expect(authority.contains("CA:TRUE"))
        #expect(authority.contains("TLS Web Server Authentication"))
        #expect(authority.contains("Certificate Sign"))
        #expect(authority.contains("NIST CURVE: P-256"))
        let client = try await describe(identity.client.certificate)
        #expect(client.contains("Subject: O = cloud-api-adaptor\n"))
        #expect(client.contains("TLS Web Client Authentication"))
        #expect(client.contains("NIST CURVE: P-256"))
        #expect(identity.server.key.reveal().hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
    }

    @Test("openssl verifies the server with the authority's certificate, and the client with its own certificate")
    func verification() async throws {
        let directory = try TemporaryDirectory()
        let identity = try SandboxIdentity.make(vmName: "podvm-a")
        let authority = try directory.write(identity.authority, to: "ca")
        let server = try directory.write(identity.server.certificate, to: "server")
        let client = try directory.write(identity.client.certificate, to: "client")
        let verify = ["verify", "-x509_strict"]
        let isServer = ["-purpose", "sslserver", "-verify_hostname", "podvm-a", "-CAfile", authority, server]
        await #expect(try openssl(verify + isServer).contains(": OK"))
        await #expect(try openssl(["verify", "-purpose", "sslclient", "-CAfile", client, client]).contains(": OK"))
        await #expect(try !openssl(["verify", "-CAfile", authority, client]).contains(": OK"))
    }

    @Test("no two sandboxes share a secret, and a printed identity does not contain its keys")
    func secrecy() throws {
        let (one, other) = (try SandboxIdentity.make(vmName: "a"), try SandboxIdentity.make(vmName: "a"))
        #expect(one.server.key.reveal() != other.server.key.reveal())
        #expect(one.client.key.reveal() != one.server.key.reveal())
        #expect(one.authority != other.authority)
        #expect(!"\(one)".contains("PRIVATE KEY"))
        var dumped = ""
        dump(one, to: &dumped)
        #expect(!dumped.contains("PRIVATE KEY"))
    }

    @Test(
        "a name that a certificate cannot contain is refused",
        arguments: ["", "a,DNS:evil", "a b", "a\0", String(repeating: "x", count: 64)])
    func badName(name: String) {
        let error = #expect(throws: TLSError.self) { try SandboxIdentity.make(vmName: name) }
        #expect(error?.code == .unusableIdentity)
    }

    private func describe(_ certificate: String) async throws -> String {
        let directory = try TemporaryDirectory()
        return try await openssl(["x509", "-noout", "-text", "-in", try directory.write(certificate, to: "pem")])
    }

    private func openssl(_ arguments: [String]) async throws -> String {
        try await onLoop { loop in
            var options = ChildProcess.Options(executable: "/usr/bin/openssl", arguments: arguments)
            options.output = .pipe
            options.error = .null
            let child = try ChildProcess.start(options, on: loop)
            let output = try await child.output?.readToEnd() ?? []
            _ = try await child.wait()
            return String(decoding: output, as: UTF8.self)
        }
    }
}
