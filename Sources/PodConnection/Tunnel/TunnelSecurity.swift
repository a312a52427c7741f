internal import AgentTunnel
internal import Configuration
internal import PodVMBoot
internal import TLS

/// How the node and its pod VMs authenticate each other: with the operator's certificates, or with certificates that are made
/// for each sandbox.
struct TunnelSecurity: Sendable {
    /// Whether the tunnel uses TLS. If not, all other settings have no effect.
    let isEnabled: Bool
    private let profile: TLSProfile
    private let verifies: Bool
    /// The operator's CA certificate, in PEM; nil: one is made for each sandbox.
    private let authority: String?
    /// The operator's certificate for the node; nil: one is made for each sandbox.
    private let client: CertifiedKey?
    private let settings: TLSSettings

    /// Checks the settings together, and the files that they name.
    ///
    /// - Throws: ``ConfigurationError`` with a sentence for each fault.
    init(_ settings: TLSSettings) throws(ConfigurationError) {
        var problems: [String] = []
        func attempt<Value>(_ flag: String, _ body: () throws(TLSError) -> Value) -> Value? {
            do throws(TLSError) {
                return try body()
            } catch {
                problems.append("\(flag): \(error)")
                return nil
            }
        }
        self.settings = settings
        isEnabled = !settings.isDisabled
        if settings.skipsVerification, !settings.authorityFile.isEmpty {
            problems.append(
                "-tls-skip-verify contradicts -ca-cert-file: certificates that are not checked need no CA; remove one of the two"
            )
        }
        if settings.certificateFile.isEmpty != settings.keyFile.isEmpty {
            problems.append("-cert-file and -cert-key go together: set both, or neither")
        }
        verifies = !settings.skipsVerification
        profile =
            attempt("-tls-min-version (TLS_MIN_VERSION), -tls-cipher-suites (TLS_CIPHER_SUITES)") {
                () throws(TLSError) in
                let suites = settings.cipherSuites.split(separator: ",").map(String.init)
                return try TLSProfile(minimumVersion: settings.minimumVersion, cipherSuites: suites)
            } ?? .standard
        authority =
            settings.authorityFile.isEmpty
            ? nil
            : attempt("-ca-cert-file") { () throws(TLSError) in try PEMFile.certificates(at: settings.authorityFile) }
        client =
            settings.certificateFile.isEmpty || settings.keyFile.isEmpty
            ? nil
            : attempt("-cert-file, -cert-key") { () throws(TLSError) in
                try PEMFile.certifiedKey(certificate: settings.certificateFile, key: settings.keyFile)
            }
        // A context that only checks the operator's files and suites with OpenSSL. Without those there is nothing to check, and
        // OpenSSL, which takes megabytes of memory, is not loaded before the first pod.
        if problems.isEmpty, authority != nil || client != nil || !settings.cipherSuites.isEmpty {
            let (authority, client, profile, verifies) = (authority, client, profile, verifies)
            _ = attempt("the TLS settings") { () throws(TLSError) in
                try TLSContext.client(
                    trusting: authority, identity: client, profile: profile, verifiesPeer: verifies)
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
    }

    /// Makes the keys that a sandbox needs beyond the operator's, and writes the VM's part into `document`.
    func makeKeys(vmName: String, for document: inout BootDocument) throws(TLSError) -> TunnelKeys {
        guard isEnabled else { return TunnelKeys(serverName: vmName) }
        let identity = try SandboxIdentity.make(vmName: vmName)
        var keys = TunnelKeys(serverName: authority == nil ? vmName : ClientSecurity.fixedServerName)
        if authority == nil {
            document.serverKey = identity.server.key
            document.serverCertificate = identity.server.certificate
            keys.authority = identity.authority
        }
        if client == nil { keys.client = identity.client }
        // Without the rest of the chain: a forwarder that trusts an issuer, as the Go project's does, admits every certificate of
        // that issuer.
        document.clientCA = try (client ?? identity.client).ownCertificate()
        document.minimumTLSVersion = settings.minimumVersion.isEmpty ? nil : settings.minimumVersion
        document.cipherSuites = profile.cipherSuites
        return keys
    }

    /// The credentials for the tunnel to a sandbox's VM; nil without TLS.
    func credentials(_ keys: TunnelKeys) -> TunnelCredentials? {
        guard isEnabled else { return nil }
        return TunnelCredentials(
            authority: verifies ? authority ?? keys.authority : nil, client: client ?? keys.client,
            serverName: keys.serverName, profile: profile, verifiesPeer: verifies)
    }
}
