import AgentTunnel
import TLS
import Telemetry
import TestSupport

/// One sandbox's identity in files, as flags of ttrpc-peer.
struct Papers: Sendable {
    let name: String
    let identity: SandboxIdentity
    private let directory: TemporaryDirectory

    init(for name: String) throws {
        self.name = name
        directory = try TemporaryDirectory()
        identity = try SandboxIdentity.make(vmName: name)
    }

    /// The node's end: the adaptor's.
    func client(trusting authority: String? = nil) throws -> [String] {
        try flags(trusting: authority ?? identity.authority, identity.client)
    }

    /// The VM's end: the forwarder's.
    func server(trusting authority: String? = nil) throws -> [String] {
        try flags(trusting: authority ?? identity.client.certificate, identity.server)
    }

    private func flags(trusting authority: String, _ own: CertifiedKey) throws -> [String] {
        [
            "-ca", try directory.write(authority, to: "ca.crt"),
            "-certificate", try directory.write(own.certificate, to: "own.crt"),
            "-key", try directory.write(own.key.reveal(), to: "own.key"),
        ]
    }
}
