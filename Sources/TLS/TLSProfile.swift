/// The protocol versions and the cipher suites that an end offers.
public struct TLSProfile: Equatable, Sendable {
    /// The oldest version that an end accepts.
    public enum Version: String, Equatable, Sendable {
        /// TLS 1.2.
        case tls12 = "VersionTLS12"
        /// TLS 1.3.
        case tls13 = "VersionTLS13"
    }

    /// The oldest accepted version.
    public let minimumVersion: Version
    /// The IANA names of the cipher suites. Empty means OpenSSL's default.
    public let cipherSuites: [String]

    /// TLS 1.3 only.
    public static let standard = TLSProfile(minimumVersion: .tls13, cipherSuites: [])

    private init(minimumVersion: Version, cipherSuites: [String]) {
        self.minimumVersion = minimumVersion
        self.cipherSuites = cipherSuites
    }

    /// Parses the values of `tls-min-version` and `tls-cipher-suites` in flags and `apf.json`.
    ///
    /// The suites are for TLS 1.2. With suites, the default of the minimum version is TLS 1.2. If the list contains
    /// suites of TLS 1.3, TLS 1.3 is limited to these suites.
    /// - Parameters:
    ///   - minimumVersion: `VersionTLS12`, `VersionTLS13`, or empty for TLS 1.3.
    ///   - cipherSuites: IANA names, such as `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`.
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableProfile`` and a valid value.
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
    /// The text without blanks at both ends.
    fileprivate var trimmed: Substring {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
