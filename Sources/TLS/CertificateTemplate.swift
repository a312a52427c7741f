/// The content of a certificate that is made here.
struct CertificateTemplate {
    /// What the certificate is for.
    enum Role {
        case authority
        case server(name: String)
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

    /// When certificates are valid, in seconds from now: two years, so that none needs renewal in a pod's life, of which
    /// ``clockSkew`` is past.
    static let validity = -clockSkew...(2 * 365 * day - clockSkew)
    /// How far the other end's clock may be behind: a day covers a clock in the wrong time zone and one that was not set
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
