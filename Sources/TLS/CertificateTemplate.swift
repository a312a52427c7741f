/// The content of a certificate that the adaptor makes.
struct CertificateTemplate {
    /// The purpose of the certificate.
    enum Role {
        case authority
        case server(name: String)
        /// A server with several names. The certificate has no common name, because a name may be longer than one.
        case servers(names: [String])
        case client
    }

    let role: Role
    let organization: String

    init(_ role: Role, _ organization: String) {
        self.role = role
        self.organization = organization
    }

    var commonName: String? {
        if case .server(let name) = role { name } else { nil }
    }

    /// The validity of certificates, in seconds from now. It is two years, so no certificate expires in the lifetime of
    /// a pod. It starts ``clockSkew`` in the past.
    static let validity = -clockSkew...(2 * 365 * day - clockSkew)
    /// The time by which the other end's clock may be behind. One day covers a clock in the wrong time zone, and a
    /// clock that was not set since the last boot. It does not weaken the certificate.
    static let clockSkew = day
    private static let day = 24 * 3600

    /// Whether `name` is valid both in a certificate and in OpenSSL's configuration syntax.
    static func isServerName(_ name: String) -> Bool { name.utf8.count <= 63 && isAlternativeName(name) }

    /// Whether `name` can be an alternative name, which may be longer than a common name.
    static func isAlternativeName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count)
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
