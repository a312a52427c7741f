package import TLS
package import Telemetry

/// The certificates of the webhook, as they are in a Secret that all replicas share.
///
///     ca.crt    the authorities that the API server trusts, the newest first
///     ca.key    the key of the newest authority
///     tls.crt   the server's certificate
///     tls.key   its key
package struct ServingCertificate: Sendable {
    /// The authorities in PEM, the newest first: the webhook configuration's `caBundle`.
    package let bundle: String
    /// The key of the newest authority.
    package let authorityKey: Secret<String>
    /// The server's certificate and its key.
    package let server: CertifiedKey

    /// Takes the values of a Secret; nil if one is missing or is not text.
    package init?(data: [String: Secret<[UInt8]>]) {
        func text(_ key: String) -> Secret<String>? {
            data[key].flatMap { String(validating: $0.reveal(), as: UTF8.self) }.flatMap {
                $0.isEmpty ? nil : Secret($0)
            }
        }
        guard let bundle = text("ca.crt"), let authorityKey = text("ca.key"), let certificate = text("tls.crt"),
            let key = text("tls.key")
        else { return nil }
        self.init(
            bundle: bundle.reveal(), authorityKey: authorityKey,
            server: CertifiedKey(certificate: certificate.reveal(), key: key))
    }

    init(bundle: String, authorityKey: Secret<String>, server: CertifiedKey) {
        self.bundle = bundle
        self.authorityKey = authorityKey
        self.server = server
    }

    /// The values for the Secret.
    package var data: [String: Secret<[UInt8]>] {
        [
            "ca.crt": Secret(Array(bundle.utf8)), "ca.key": authorityKey.bytes,
            "tls.crt": Secret(Array(server.certificate.utf8)), "tls.key": server.key.bytes,
        ]
    }
}

extension Secret<String> {
    fileprivate var bytes: Secret<[UInt8]> { Secret<[UInt8]>(Array(reveal().utf8)) }
}

/// When the webhook's certificates are made and replaced. A value: its input is certificates, its output is new ones.
///
/// A server's certificate lives 90 days and is replaced when 30 days are left; an authority lives ten years and is replaced when
/// a year is left. A new authority issues nothing during its first hour: until then every API server trusts it.
package struct ServingCertificatePlan: Sendable {
    private static let day = 24 * 3600
    /// The life of a server's certificate, and what is left of it when it is replaced.
    static let server = (life: 90 * day, renewal: 30 * day)
    /// The life of an authority, and what is left of it when it is replaced.
    static let authority = (life: 3650 * day, renewal: 365 * day)
    /// How long an authority is in the bundle before it issues certificates.
    static let quietTime = 3600
    /// The organization in the server's certificate.
    private static let organization = "cloud-api-adaptor"
    /// The organization in an authority's certificate. With the same one, OpenSSL takes the server's certificate for a self-signed one.
    private static let authorityOrganization = "cloud-api-adaptor webhook authority"

    /// The names of the webhook's Service.
    package let names: [String]
    private let server: (life: Int, renewal: Int)
    private let authority: (life: Int, renewal: Int)
    private let quietTime: Int

    /// A plan for a Service of that name and namespace.
    package init(service: String, namespace: String) {
        self.init(
            names: ["\(service).\(namespace).svc", "\(service).\(namespace).svc.cluster.local"], server: Self.server,
            authority: Self.authority, quietTime: Self.quietTime)
    }

    init(
        names: [String], server: (life: Int, renewal: Int), authority: (life: Int, renewal: Int), quietTime: Int
    ) {
        self.names = names
        self.server = server
        self.authority = authority
        self.quietTime = quietTime
    }

    /// Why these certificates cannot be served, as a sentence without a period; nil if they can.
    func fault(of certificate: ServingCertificate) -> String? {
        guard let facts = try? CertificateFacts(pem: certificate.server.certificate) else {
            return "the server's certificate cannot be read"
        }
        if !facts.has(key: certificate.server.key) { return "the server's key does not belong to its certificate" }
        if facts.age < 0 || facts.remaining <= 0 { return "the server's certificate is not valid at this time" }
        for name in names where !facts.isFor(name) { return "the server's certificate does not name \(name)" }
        guard Self.certificates(in: certificate.bundle).contains(where: facts.isIssued) else {
            return "no authority of the bundle has issued the server's certificate"
        }
        return nil
    }

    /// The certificates to store in place of `current`; nil if those are good for longer.
    ///
    /// - Throws: ``TLSError`` when OpenSSL cannot make certificates.
    func replacement(for current: ServingCertificate?) throws(TLSError) -> ServingCertificate? {
        guard let current, fault(of: current) == nil,
            let issuer = Self.certificates(in: current.bundle).first,
            let issuerFacts = try? CertificateFacts(pem: issuer),
            let facts = try? CertificateFacts(pem: current.server.certificate)
        else { return try made() }
        if issuerFacts.remaining < authority.renewal {
            let new = try CertificateAuthority.make(organization: Self.authorityOrganization, seconds: authority.life)
            return ServingCertificate(
                // The former authority stays, because it has issued the certificate in use.
                bundle: new.certificate + issuer, authorityKey: new.key, server: current.server)
        }
        guard facts.remaining < server.renewal else { return nil }
        // The first day of a certificate is in the past.
        guard issuerFacts.age - Self.day >= quietTime || facts.isIssued(by: issuer) else { return nil }
        let authority = CertificateAuthority(certificate: issuer, key: current.authorityKey)
        guard let issued = try? authority.issue(names: names, organization: Self.organization, seconds: server.life)
        else { return try made() }
        return ServingCertificate(bundle: current.bundle, authorityKey: current.authorityKey, server: issued)
    }

    private func made() throws(TLSError) -> ServingCertificate {
        let new = try CertificateAuthority.make(organization: Self.authorityOrganization, seconds: authority.life)
        return ServingCertificate(
            bundle: new.certificate, authorityKey: new.key,
            server: try new.issue(names: names, organization: Self.organization, seconds: server.life))
    }

    /// The certificates of a bundle, each in PEM.
    private static func certificates(in bundle: String) -> [String] {
        let end = "-----END CERTIFICATE-----"
        var certificates: [String] = []
        var current = ""
        for line in bundle.split(separator: "\n", omittingEmptySubsequences: true) {
            current += line + "\n"
            if line.hasPrefix(end) {
                certificates.append(current)
                current = ""
            }
        }
        return certificates
    }
}
