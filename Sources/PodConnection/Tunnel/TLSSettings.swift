internal import Configuration

/// How the node and the VM authenticate each other on the agent tunnel.
package struct TLSSettings: Sendable {
    /// Whether the tunnel is not encrypted.
    package var isDisabled = false
    /// The authority of the VMs' certificates; empty: one for each sandbox.
    var authorityFile = ""
    /// The node's certificate; empty: one for each sandbox.
    var certificateFile = ""
    /// The key of ``certificateFile``.
    var keyFile = ""
    /// Whether the VMs' certificates are not checked.
    package var skipsVerification = false
    /// The lowest TLS version; empty: 1.3.
    var minimumVersion = ""
    /// TLS 1.2 cipher suites, separated by commas.
    var cipherSuites = ""

    /// The defaults.
    init() {}

    /// The flags and variables.
    static let settings: [Setting<TLSSettings>] = [
        Setting(
            "ca-cert-file", environment: "CACERT_FILE", \.authorityFile, .path,
            """
            The CA certificate that the pod VMs' certificates are checked against, in PEM. Those certificates must name \
            podvm-server. Without it, the adaptor makes a CA for each sandbox.
            """
        ),
        Setting(
            "cert-file", environment: "CERT_FILE", \.certificateFile, .path,
            "The adaptor's client certificate, in PEM. Without it, the adaptor makes one for each sandbox."),
        Setting("cert-key", environment: "CERT_KEY", \.keyFile, .path, "The private key of -cert-file, in PEM."),
        Setting(
            "tls-skip-verify", environment: "TLS_SKIP_VERIFY", \.skipsVerification, .bool,
            "Do not check pod VMs' certificates. For tests only."),
        Setting(
            "tls-min-version", environment: "TLS_MIN_VERSION", \.minimumVersion, .string("VERSION"),
            """
            The lowest TLS version: VersionTLS12 or VersionTLS13. Without it, and without cipher suites, only TLS 1.3 \
            is used.
            """
        ),
        Setting(
            "tls-cipher-suites", environment: "TLS_CIPHER_SUITES", \.cipherSuites, .string("A,B,..."),
            "TLS 1.2 cipher suites by their IANA names."),
        Setting("disable-tls", \.isDisabled, .bool, "Connect to pod VMs without TLS. For tests only."),
    ]

    /// Settings that are allowed but probably not intended, as a sentence each.
    var warnings: [String] {
        if isDisabled { return ["-disable-tls: agent connections to pod VMs are not encrypted"] }
        return skipsVerification
            ? ["-tls-skip-verify: any host that has a pod VM's address is accepted as that VM"] : []
    }
}
