internal import Configuration
internal import PodVMBoot
internal import ProcessHardening
internal import Telemetry

/// What an operator may set, whichever cloud it is.
///
/// Names, variables and defaults are the Go adaptor's, so that its deployments go on working.
struct AdaptorConfiguration: Sendable {
    var socketPath = "/run/peerpod/hypervisor.sock"
    var podsDirectory = "/run/peerpod/pods"
    var forwarderPort = 15150
    var tls = TLSSettings()
    var proxyTimeout = Duration.seconds(300)
    var initdata = Secret("")
    var wantsScratchSpace = false
    var network = NetworkSettings()
    var podLimit = 10
    var verifiesCloudConfiguration = false
    var pauseImage = ""
    var nodeName = ""
    var clusterID = ""
    var orphanGraceTime = Duration.seconds(600)
    var abandonedTimeout = Duration.seconds(60)
    var probePort = 8000
    var systemCallFilter = SystemCallFilter.Mode.enforce
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    static let settings: [Setting<AdaptorConfiguration>] =
        service + TLSSettings.settings.map { $0.within(\.tls) } + pods
        + NetworkSettings.settings.map { $0.within(\.network) } + node

    private static let service: [Setting<AdaptorConfiguration>] = [
        Setting(
            "socket", environment: "REMOTE_HYPERVISOR_ENDPOINT", \.socketPath, .path,
            "The unix socket on which kata's shims reach the adaptor."),
        Setting(
            "pods-dir", environment: "PODS_DIR", \.podsDirectory, .path,
            """
            Where each sandbox has its record and its agent socket, in a directory of its own. It should be on tmpfs, \
            since it holds keys.
            """
        ),
        Setting(
            "forwarder-port", environment: "FORWARDER_PORT", \.forwarderPort, .integer(in: 1...65535),
            "The TCP port of agent-protocol-forwarder in the pod VMs."),
        Setting(
            "proxy-timeout", environment: "PROXY_TIMEOUT", \.proxyTimeout,
            .duration(in: .milliseconds(1) ... .seconds(86_400)),
            "How long a pod VM's agent may take to answer, once the VM has an address."),
    ]

    private static let pods: [Setting<AdaptorConfiguration>] = [
        Setting(
            "initdata", environment: "INITDATA", \.initdata, .secret("BASE64"),
            "Initdata for pods without an annotation of their own: base64(gzip(TOML))."),
        Setting(
            "enable-scratch-space", environment: "ENABLE_SCRATCH_SPACE", \.wantsScratchSpace, .bool,
            "Have pod VMs set up encrypted scratch space."),
        Setting(
            "peerpods-limit-per-node", environment: "PEERPODS_LIMIT_PER_NODE", \.podLimit, .integer(),
            "How many pod VMs the node advertises to Kubernetes; negative advertises nothing."),
        Setting(
            "cloud-config-verify", environment: "CLOUD_CONFIG_VERIFY", \.verifiesCloudConfiguration, .bool,
            "Check the cloud's configuration at the start."),
        Setting(
            "pause-image", environment: "PAUSE_IMAGE", \.pauseImage, .string("IMAGE"),
            "Accepted for compatibility, without effect."),
    ]

    private static let node: [Setting<AdaptorConfiguration>] = [
        Setting(
            "node-name", environment: "NODE_NAME", \.nodeName, .string("NAME"),
            "This node's name in Kubernetes; pod VMs are tagged with it."),
        Setting(
            "cluster-id", environment: "CLUSTER_ID", \.clusterID, .string("ID"),
            """
            What no other cluster that shares the resource group has, such as the UID of the namespace kube-system; pod \
            VMs are tagged with it, and only VMs with this cluster's and this node's tags are ever deleted as orphans. \
            Without it, a hash of /etc/machine-id.
            """
        ),
        Setting(
            "orphan-grace-time", environment: "ORPHAN_GRACE_TIME", \.orphanGraceTime,
            .duration(in: .milliseconds(100) ... .seconds(30 * 86_400)),
            "How long a pod VM of this node must be seen without a sandbox on record before it is deleted."),
        Setting(
            "abandoned-sandbox-timeout", environment: "ABANDONED_SANDBOX_TIMEOUT", \.abandonedTimeout,
            .duration(in: .zero ... .seconds(86_400)),
            """
            How long a pod's network namespace must be gone, without a connection to the sandbox's agent socket, before \
            the sandbox is stopped and its VM deleted; at most 10s for sandboxes from before a restart. 0s: never.
            """
        ),
        Setting(
            "probe-port", environment: "PROBE_PORT", \.probePort, .integer(in: 0...65535),
            "The port of /startup, /healthz and /metrics on 127.0.0.1; 0 takes any free one."),
        Setting(
            "seccomp", environment: "SECCOMP", \.systemCallFilter,
            .choice(SystemCallFilter.Mode.allCases.map { ($0.rawValue, $0) }),
            "What happens to system calls that the adaptor does not need; log only notes them in the audit log."),
        Setting(
            "log-level", environment: "LOG_LEVEL", \.logLevel,
            .choice(LogLevel.allCases.map { ($0.description, $0) }), "The least level that is logged."),
        Setting(
            "log-format", environment: "LOG_FORMAT", \.logFormat,
            .choice([("automatic", .automatic), ("human", .human), ("json", .json)]),
            "How log lines look; automatic means human on a terminal and JSON elsewhere."),
    ]
}

/// How the node's end and the VM's end of a tunnel trust each other.
struct TLSSettings: Sendable {
    var isDisabled = false
    var authorityFile = ""
    var certificateFile = ""
    var keyFile = ""
    var skipsVerification = false
    var minimumVersion = ""
    var cipherSuites = ""

    static let settings: [Setting<TLSSettings>] = [
        Setting(
            "ca-cert-file", environment: "CACERT_FILE", \.authorityFile, .path,
            """
            Whom to trust as a pod VM, in PEM, instead of an authority made for each sandbox. The VMs' certificates \
            must then name podvm-server.
            """
        ),
        Setting(
            "cert-file", environment: "CERT_FILE", \.certificateFile, .path,
            "The adaptor's own certificate, in PEM, instead of one made for each sandbox."),
        Setting("cert-key", environment: "CERT_KEY", \.keyFile, .path, "The key of -cert-file, in PEM."),
        Setting(
            "tls-skip-verify", environment: "TLS_SKIP_VERIFY", \.skipsVerification, .bool,
            "Do not check pod VMs' certificates. For tests only."),
        Setting(
            "tls-min-version", environment: "TLS_MIN_VERSION", \.minimumVersion, .string("VERSION"),
            """
            The lowest TLS version, VersionTLS12 or VersionTLS13. Without it, and without cipher suites, only TLS 1.3 \
            is spoken.
            """
        ),
        Setting(
            "tls-cipher-suites", environment: "TLS_CIPHER_SUITES", \.cipherSuites, .string("A,B,..."),
            "TLS 1.2 cipher suites by their IANA names."),
        Setting("disable-tls", \.isDisabled, .bool, "Speak to pod VMs in the clear. For tests only."),
    ]
}

/// How a pod's network reaches its VM.
struct NetworkSettings: Sendable {
    var tunnelType = PodNetworkDescription.tunnelType
    var vxlanPort = 4789
    var vxlanMinimumID = 555_000
    var hostInterface = ""
    var podSubnets: [String] = []
    var isExternalThroughVM = false
    var allowsPodsWithoutNetwork = false

    static let settings: [Setting<NetworkSettings>] = [
        Setting(
            "tunnel-type", environment: "TUNNEL_TYPE", \.tunnelType,
            .choice([(PodNetworkDescription.tunnelType, PodNetworkDescription.tunnelType)]),
            "What carries a pod's packets to its VM."),
        Setting(
            "vxlan-port", environment: "VXLAN_PORT", \.vxlanPort, .integer(in: 1...65535),
            "The UDP port of the tunnels' packets."),
        Setting(
            "vxlan-min-id", \.vxlanMinimumID, .integer(in: 1...0xff_ffff),
            "The lowest VXLAN network identifier to use. Each tunnel has a random one from there to 16777215."),
        Setting(
            "host-interface", \.hostInterface, .string("NAME"),
            "The interface for the tunnels' packets. Without it, the default route's."),
        Setting(
            "pod-subnet-cidrs", environment: "POD_SUBNET_CIDRS", \.podSubnets, .list("CIDR,..."),
            "Further networks that pods reach through the node."),
        Setting(
            "ext-network-via-podvm", environment: "EXTERNAL_NETWORK_VIA_PODVM", \.isExternalThroughVM, .bool,
            "Let pods reach the outside from their VM instead of through the node. Experimental."),
        Setting(
            "allow-pods-without-network", environment: "ALLOW_PODS_WITHOUT_NETWORK", \.allowsPodsWithoutNetwork, .bool,
            """
            Start pods without a network namespace, too. Their VMs have no pod network; the Go adaptor's forwarder ends \
            without one. With -fake-cloud they are always started.
            """
        ),
    ]
}
