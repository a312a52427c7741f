internal import AgentTunnel
internal import Configuration
internal import PodVMBoot
internal import TLS

/// How the node trusts its pod VMs, and they it: what the operator gave, and where he gave
/// nothing, what is made for each sandbox.
struct TunnelSecurity: Sendable {
    /// False only when told so: then everything else is without effect.
    let isEnabled: Bool
    private let profile: TLSProfile
    private let verifies: Bool
    /// The operator's authority, in PEM; nil has one made for each sandbox.
    private let authority: String?
    /// The operator's certificate for the node; nil has one made for each sandbox.
    private let client: CertifiedKey?
    private let settings: TLSSettings

    /// Looks at the settings together, and at the files they name.
    ///
    /// - Throws: ``ConfigurationError`` with a sentence for each thing that is wrong.
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
            problems.append("-tls-skip-verify contradicts -ca-cert-file: what is not verified needs no authority")
        }
        if settings.certificateFile.isEmpty != settings.keyFile.isEmpty {
            problems.append("-cert-file and -cert-key go together: give both, or neither")
        }
        verifies = !settings.skipsVerification
        profile =
            attempt("-tls-min-version, -tls-cipher-suites") { () throws(TLSError) in
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
        // A first context, only to have OpenSSL's word on what the operator gave. Without that there is
        // nothing to check, and OpenSSL, which takes megabytes, may sleep until the first pod.
        if problems.isEmpty, authority != nil || client != nil || !settings.cipherSuites.isEmpty {
            let (authority, client, profile, verifies) = (authority, client, profile, verifies)
            _ = attempt("the TLS settings") { () throws(TLSError) in
                try TLSContext.client(
                    trusting: authority, identity: client, profile: profile, verifiesPeer: verifies)
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
    }

    /// Makes what a sandbox needs beyond the operator's own, and tells its VM through `document`.
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
        // Without the rest of its chain: a forwarder that trusts an issuer, as Go's does, admits every certificate of that issuer.
        document.clientCA = try (client ?? identity.client).ownCertificate()
        document.minimumTLSVersion = settings.minimumVersion.isEmpty ? nil : settings.minimumVersion
        document.cipherSuites = profile.cipherSuites
        return keys
    }

    /// What the node's connections to a sandbox's VM are made with; nil in the clear.
    func clientSecurity(_ keys: TunnelKeys) throws(TLSError) -> ClientSecurity? {
        guard isEnabled else { return nil }
        let context = try TLSContext.client(
            trusting: verifies ? authority ?? keys.authority : nil, identity: client ?? keys.client, profile: profile,
            verifiesPeer: verifies)
        return ClientSecurity(context: context, serverName: keys.serverName)
    }
}

/// What only this sandbox's tunnel is made with, beyond the operator's own.
struct TunnelKeys: Sendable {
    /// The name that the VM's certificate must have.
    let serverName: String
    /// The authority of the VM's certificate, in PEM.
    var authority: String?
    /// The node's own certificate.
    var client: CertifiedKey?

    init(serverName: String) { self.serverName = serverName }
}
