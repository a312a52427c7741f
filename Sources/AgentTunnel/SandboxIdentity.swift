public import Telemetry

/// A certificate chain and the key of its first certificate, in PEM.
public struct CertifiedKey: Sendable {
    /// The certificate, then whatever leads from it to its authority.
    public let certificate: String
    /// The private key, in PKCS#8.
    public let key: Secret<String>

    /// Pairs `certificate` with `key`; whether they fit shows when a ``TLSContext`` takes them.
    public init(certificate: String, key: Secret<String>) {
        self.certificate = certificate
        self.key = key
    }

    /// The first certificate alone, in PEM: what the other end is to trust if it trusts this one and no other.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` if there is none.
    public func ownCertificate() throws(TLSError) -> String {
        try CertificateList.parse(certificate, "certificate").first()
    }
}

/// What the two ends of one sandbox's tunnel know each other by.
///
/// Made for every sandbox and, like the Go adaptor's, of ECDSA P-256 and valid for two years, of which one day is past:
/// the VM's clock may be behind the node's. The authority's own key is forgotten at once: it signs one certificate in its
/// life.
public struct SandboxIdentity: Sendable {
    /// The authority that the node checks the VM's end with, in PEM.
    public let authority: String
    /// The VM's end. Its certificate has the VM's name, as common name and as only alternative name.
    public let server: CertifiedKey
    /// The node's end. Its certificate is self-signed and itself what the VM trusts.
    public let client: CertifiedKey

    /// Makes an identity for the VM called `vmName`.
    ///
    /// A name is 1 to 63 of the characters `A-Za-z0-9.-`.
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` for another.
    public static func make(vmName: String) throws(TLSError) -> SandboxIdentity {
        guard CertificateTemplate.isServerName(vmName) else {
            throw TLSError(.unusableIdentity, "'\(vmName)' cannot be the name in a VM's certificate")
        }
        let authority = try SelfMadeCertificate.make(.authority)
        let server = try SelfMadeCertificate.make(.server(name: vmName), issuedBy: authority)
        let client = try SelfMadeCertificate.make(.client)
        return SandboxIdentity(
            authority: try authority.certificatePEM(), server: try server.certifiedKey(),
            client: try client.certifiedKey())
    }
}

/// What a certificate of ours says.
enum CertificateTemplate {
    case authority
    case server(name: String)
    case client

    /// The organisation names that the Go adaptor gives its certificates.
    var organization: String {
        switch self {
        case .authority, .server: "agent-protocol-forwarder"
        case .client: "cloud-api-adaptor"
        }
    }

    var commonName: String? {
        if case .server(let name) = self { name } else { nil }
    }

    /// When certificates hold, in seconds from now: two years, needing no renewal in a pod's life, of which ``clockSkew`` is
    /// past.
    static let validity = -clockSkew...(2 * 365 * day - clockSkew)
    /// How far a VM's clock may be behind the node's: a day covers a clock in the wrong time zone and one that was not set
    /// since the last boot, and the certificate is no weaker for it.
    static let clockSkew = day
    private static let day = 24 * 3600

    /// Whether `name` can stand in a certificate and in OpenSSL's configuration syntax alike.
    static func isServerName(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
