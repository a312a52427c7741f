public import TLS

/// The certificates by which the two ends of one sandbox's tunnel authenticate each other.
///
/// Each sandbox has its own, with the organisation names of the Go adaptor's certificates.
public struct SandboxIdentity: Sendable {
    /// The authority with which the node checks the VM's end, in PEM.
    public let authority: String
    /// The VM's end. Its certificate has the VM's name, as common name and as the only alternative name.
    public let server: CertifiedKey
    /// The node's end. Its certificate is self-signed, and the VM trusts only this certificate.
    public let client: CertifiedKey

    /// Makes an identity for the VM called `vmName`.
    ///
    /// A name is 1 to 63 of the characters `A-Za-z0-9.-`.
    /// - Throws: `TLSError` with `unusableIdentity` for another name.
    public static func make(vmName: String) throws(TLSError) -> SandboxIdentity {
        let guest = try ServerIdentity.make(name: vmName, organization: "agent-protocol-forwarder")
        let client = try CertifiedKey.makeClient(organization: "cloud-api-adaptor")
        return SandboxIdentity(authority: guest.authority, server: guest.server, client: client)
    }
}
