/// Which protocol versions and cipher suites an end offers.
public struct TLSProfile: Equatable, Sendable {
    /// The oldest version an end speaks.
    public enum Version: String, Equatable, Sendable {
        /// TLS 1.2.
        case tls12 = "VersionTLS12"
        /// TLS 1.3.
        case tls13 = "VersionTLS13"
    }

    /// The oldest version to speak.
    public let minimumVersion: Version
    /// IANA names; empty means what OpenSSL holds good.
    public let cipherSuites: [String]

    /// TLS 1.3 and nothing else.
    public static let standard = TLSProfile(minimumVersion: .tls13, cipherSuites: [])

    private init(minimumVersion: Version, cipherSuites: [String]) {
        self.minimumVersion = minimumVersion
        self.cipherSuites = cipherSuites
    }

    /// Reads the values of `tls-min-version` and `tls-cipher-suites`, as flags and `apf.json` have them.
    ///
    /// Suites are those of TLS 1.2, and the minimum is then TLS 1.2 unless named; if any
    /// suite of TLS 1.3 is among them, TLS 1.3 is limited to those as well.
    /// - Parameters:
    ///   - minimumVersion: `VersionTLS12`, `VersionTLS13`, or empty for TLS 1.3.
    ///   - cipherSuites: IANA names, such as `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`.
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableProfile`` and what to write instead.
    public init(minimumVersion: String, cipherSuites: [String] = []) throws(TLSError) {
        let suites = cipherSuites.map { String($0.trimmed) }.filter { !$0.isEmpty }
        switch minimumVersion {
        case "": self.minimumVersion = suites.isEmpty ? .tls13 : .tls12
        case "VersionTLS10", "VersionTLS11":
            throw TLSError(
                .unusableProfile, "tls-min-version \(minimumVersion) is not offered, because the protocol is insecure")
        default:
            guard let version = Version(rawValue: minimumVersion) else {
                throw TLSError(.unusableProfile, "'\(minimumVersion)' is not a value of tls-min-version")
            }
            self.minimumVersion = version
        }
        if self.minimumVersion == .tls13, !suites.isEmpty {
            throw TLSError(.unusableProfile, "tls-cipher-suites cannot be chosen with tls-min-version VersionTLS13")
        }
        for suite in suites where TLSContext.nameOfCipher(suite) == nil {
            throw TLSError(.unusableProfile, "this OpenSSL has no cipher suite '\(suite)'")
        }
        self.cipherSuites = suites
    }
}

extension String {
    /// Without blanks at either end.
    fileprivate var trimmed: Substring {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
