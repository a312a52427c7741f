/// The reason why a TLS connection failed.
public struct TLSError: Error, Equatable, Sendable {
    /// The kinds of failures. The type is a struct, so new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code in words.
        public let description: String

        /// A configured certificate, key or authority cannot be used.
        public static let unusableIdentity = Code(description: "unusable certificate or key")
        /// OpenSSL does not support the minimum version or a cipher suite of the profile.
        public static let unusableProfile = Code(description: "unusable TLS profile")
        /// No trusted authority issued the peer's certificate.
        public static let untrustedPeer = Code(description: "untrusted peer")
        /// The peer's certificate is not valid now.
        public static let expiredPeer = Code(description: "peer's certificate is not valid now")
        /// The peer's certificate is for another name.
        public static let wrongName = Code(description: "peer's certificate has another name")
        /// The peer sent no certificate, although a certificate is required.
        public static let anonymousPeer = Code(description: "peer has no certificate")
        /// The peer did not accept our certificate.
        public static let refusedByPeer = Code(description: "peer refused our certificate")
        /// The two ends have no version or cipher suite in common.
        public static let incompatible = Code(description: "no TLS version or cipher suite in common")
        /// The peer supports application protocols, but not the requested one.
        public static let unknownProtocol = Code(description: "peer does not speak the application protocol")
        /// The bytes from the peer are not TLS.
        public static let notTLS = Code(description: "peer does not speak TLS")
        /// The connection ended without a `close_notify` alert.
        public static let connectionLost = Code(description: "connection lost")
        /// The peer violated the protocol, or the bytes were changed on the network.
        public static let protocolViolation = Code(description: "TLS protocol violated")
        /// An OpenSSL function failed.
        public static let failed = Code(description: "TLS failed")
    }

    /// The kind of the failure.
    public let code: Code
    /// The operation that failed, and OpenSSL's reason.
    public let reason: String

    /// Makes a failure of the kind `code`.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Whether another attempt with the same configuration must fail too.
    public var isFinal: Bool { code != .connectionLost && code != .failed }

    /// What an operator should check.
    public var advice: String {
        switch code {
        case .unusableIdentity: "give PEM files that belong together: a certificate chain and its own key"
        case .unusableProfile: "choose VersionTLS12 or VersionTLS13 and cipher suites by their IANA names"
        case .untrustedPeer: "check that both ends were given the same authority, and that the address is the pod VM's"
        case .expiredPeer: "check the clocks of node and pod VM, then the certificate's dates"
        case .wrongName: "check that the address belongs to this pod's VM and that the certificate names it"
        case .anonymousPeer: "give the other end its client certificate"
        case .refusedByPeer: "check that the other end trusts this certificate, and check its clock"
        case .incompatible: "make tls-min-version and tls-cipher-suites overlap at both ends"
        case .notTLS: "check the port, and that both ends agree about disable-tls"
        case .connectionLost: "the other end or the network path has failed; try again"
        case .protocolViolation:
            "check whether something on the path changes the bytes; otherwise the other end is faulty"
        default: "OpenSSL's reason says more"
        }
    }
}

extension TLSError: CustomStringConvertible {
    /// The code, the reason and the advice, in one line.
    public var description: String { "\(code): \(reason) (\(advice))" }
}
