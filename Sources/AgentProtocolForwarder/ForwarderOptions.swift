internal import Configuration
internal import LinuxIO
internal import PodVMBoot
internal import ProcessHardening
internal import Telemetry

/// The settings of the forwarder's command line.
struct ForwarderOptions: Sendable {
    var showsVersion = false
    /// The boot document.
    var config = GuestFile.bootDocument.path
    /// The address to which the node connects.
    var listen = SocketAddress.tcp(host: "0.0.0.0", port: 15_150)
    var agentSocket = "/run/kata-containers/agent.sock"
    /// The network namespace that containers enter.
    var podNamespace = "/run/netns/podns"
    /// The tunnel's interface; an empty name means the interface of the default route.
    var hostInterface = ""
    /// Whether the pod may query the VM's metadata service, except for user data.
    var offersMetadata = false
    /// The calls to the agent that the node may make.
    var agentCalls = AgentCallRules.strict
    /// The metadata service's address; empty means Azure's. Its path may be secret.
    var metadataEndpoint = Secret("")
    var tls = TLSOptions()
    var systemCallFilter = SystemCallFilter.Mode.enforce
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    /// The TLS flags. The boot document supplies the values that the flags omit.
    struct TLSOptions: Sendable {
        var isDisabled = false
        var clientCA = ""
        var certificate = ""
        var key = ""
        var skipsVerification = false
        var minimumVersion = ""
        var cipherSuites: [String] = []
    }

    /// The flags, those of the Go forwarder first.
    static let command = Command(
        "agent-protocol-forwarder", summary: "connect the node's tunnel to the agent in this pod VM",
        details: """
            Reads the boot document from the VM's user data, then serves the guest's end of the tunnel: each connection of \
            the node becomes a connection to kata's agent. Only clients that the boot document's (or -ca-cert-file's) \
            certificates authenticate may connect.
            """,
        defaults: ForwarderOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("config", \.config, .path, "The boot document, apf.json."),
                    Setting(
                        "listen", \.listen, .socketAddress,
                        "The address to listen on. The host may be a name; without a host, all addresses."),
                    Setting("kata-agent-socket", \.agentSocket, .path, "The agent's socket."),
                    Setting("pod-namespace", \.podNamespace, .path, "The network namespace that containers enter."),
                    Setting(
                        "host-interface", \.hostInterface, .string("NAME"),
                        "The interface of the pod network's tunnel; that of the default route if empty."),
                    Setting(
                        "pod-metadata", \.offersMetadata, .bool,
                        "Let the pod query the VM's metadata service, except for user data and tokens."),
                    Setting(
                        "agent-calls", \.agentCalls, .agentCalls,
                        "The agent's methods that the node may call: all, or a list in which strict means those that a"
                            + " kata shim calls in a pod's life. Unless all, CopyFile is confined to the shared directory."
                    ),
                    Setting(
                        "imds-endpoint", environment: "AZURE_IMDS_ENDPOINT", \.metadataEndpoint, .secret("URL"),
                        "The metadata service. Azure's is \(MetadataEndpoint.azure)."),
                    .systemCallFilter(\.systemCallFilter),
                    Setting("version", \.showsVersion, .bool, "Show the version, and exit."),
                ]),
            .init(
                "TLS, overrides the boot document",
                [
                    Setting(
                        "ca-cert-file", \.tls.clientCA, .path, "Certificates of the authorities for clients, in PEM."),
                    Setting("cert-file", \.tls.certificate, .path, "The certificate to show, in PEM."),
                    Setting("cert-key", \.tls.key, .path, "The certificate's private key, in PEM."),
                    Setting(
                        "tls-min-version", \.tls.minimumVersion, .string("VERSION"), "VersionTLS12 or VersionTLS13."),
                    Setting(
                        "tls-cipher-suites", \.tls.cipherSuites, .list, "TLS 1.2 cipher suites by their IANA names."),
                    Setting(
                        "tls-skip-verify", \.tls.skipsVerification, .bool,
                        "Accepted for compatibility, without effect: clients are always verified."),
                    Setting("disable-tls", \.tls.isDisabled, .bool, "Serve every client without TLS. For tests."),
                ]),
            .init("Logs", [.logLevel(\.logLevel), .logFormat(\.logFormat)]),
        ])
}

extension ValueFormat where Value == SocketAddress {
    fileprivate static var socketAddress: Self {
        Self(
            placeholder: "ADDRESS:PORT",
            parse: { text throws(ValueError) in
                do throws(AddressError) {
                    return try SocketAddress(listening: text)
                } catch {
                    throw ValueError(
                        expected: "an address or a known name, and a port, as in 0.0.0.0:15150 or localhost:15150")
                }
            }, show: { "\($0)" })
    }
}

extension ValueFormat where Value == AgentCallRules {
    fileprivate static var agentCalls: Self {
        Self(
            placeholder: "LIST",
            parse: { text throws(ValueError) in
                guard let rules = AgentCallRules(words: text.split(separator: ",").map(String.init)) else {
                    throw ValueError(expected: "all, or method names separated by commas, as in strict,UpdateRoutes")
                }
                return rules
            }, show: { $0.words.joined(separator: ",") })
    }
}
