internal import Configuration
internal import Kubernetes
internal import PodConnection
internal import PodVMLifecycle
internal import ProcessHardening
internal import Telemetry

/// What an operator may set, whichever cloud it is.
///
/// Names, variables and defaults are the Go adaptor's, so that its deployments work unchanged.
struct AdaptorConfiguration: Sendable {
    var settingsFile = ""
    var drainTime = Duration.zero
    var socketPath = "/run/peerpod/hypervisor.sock"
    var gateway = GatewayPlace.inProcess
    var podsDirectory = "/run/peerpod/pods"
    var proxyTimeout = Duration.seconds(300)
    var connection = PodConnectionSettings()
    var verifiesCloudConfiguration = false
    var pauseImage = ""
    var cluster = ClusterSettings()
    var lifecycle = SandboxSupervisor.Options()
    var standsBy = true
    var probePort = 8000
    var systemCallFilter = SystemCallFilter.Mode.enforce
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    static let settings: [Setting<AdaptorConfiguration>] =
        service + PodConnectionSettings.settings.map { $0.within(\.connection) }
        + ClusterSettings.settings.map { $0.within(\.cluster) }
        + SandboxSupervisor.Options.settings.map { $0.within(\.lifecycle) } + node

    /// The names of the settings that can change while the adaptor runs.
    static let changeableNames: Set = ["proxy-timeout"]

    private static let service: [Setting<AdaptorConfiguration>] = [
        Setting(
            "config", environment: "CONFIG_FILE", \.settingsFile, .path,
            """
            A file of lines NAME=VALUE, or a directory with a file for each variable, such as a mounted ConfigMap. Its \
            variables override those of the environment. SIGHUP reads it again: new VMs get the changed settings of \
            Azure and the changed -proxy-timeout, running VMs keep theirs.
            """),
        Setting(
            "drain", environment: "DRAIN", \.drainTime, .duration(in: .zero ... .seconds(86_400)),
            """
            At SIGTERM, wait for running deletions of VMs up to this time. Deletions that still run then stay on record \
            for the next process. Give Kubernetes a longer terminationGracePeriodSeconds.
            """),
        Setting(
            "socket", environment: "REMOTE_HYPERVISOR_ENDPOINT", \.socketPath, .path,
            "The unix socket that kata's shims connect to."),
        Setting(
            "gateway", environment: "GATEWAY", \.gateway, GatewayPlace.format,
            """
            Where the gateway runs, which holds the shims' connections. in-process: in the adaptor, and the connections \
            end with the adaptor. A path: the control socket of "cloud-api-adaptor gateway", which keeps the connections \
            while the adaptor restarts; -socket then has no effect here.
            """),
        Setting(
            "pods-dir", environment: "PODS_DIR", \.podsDirectory, .path,
            """
            The directory for sandboxes. Each has a directory of its own there, with its record, its keys and its agent \
            socket. Put it on tmpfs, because it holds keys.
            """),
        Setting(
            "proxy-timeout", environment: "PROXY_TIMEOUT", \.proxyTimeout,
            .duration(in: .milliseconds(1) ... .seconds(86_400)),
            "The timeout for the first answer of a pod VM's agent, from when the VM has an address."),
    ]

    private static let node: [Setting<AdaptorConfiguration>] = [
        Setting(
            "cloud-config-verify", environment: "CLOUD_CONFIG_VERIFY", \.verifiesCloudConfiguration, .bool,
            "Check the cloud's configuration at the start, and exit if no pod could start."),
        Setting(
            "pause-image", environment: "PAUSE_IMAGE", \.pauseImage, .string("IMAGE"),
            "Accepted for compatibility, without effect."),
        Setting(
            "standby", environment: "STANDBY", \.standsBy, .bool,
            """
            While another adaptor uses the pods directory, wait for its end and then take over; the probes succeed \
            meanwhile. Without it, exit with an error. An upgrade that starts the new adaptor before it stops the old \
            one needs it.
            """),
        Setting(
            "probe-port", environment: "PROBE_PORT", \.probePort, .integer(in: 0...65535),
            "The port of /startup, /healthz and /metrics on 127.0.0.1. 0: any free port."),
        .systemCallFilter(\.systemCallFilter), .logLevel(\.logLevel), .logFormat(\.logFormat),
    ]

    /// The socket on which this process serves hypervisor calls: the shims', or those that the gateway forwards.
    var servedSocket: String { gateway.servedSocket(forShims: socketPath) }

    /// Settings that are allowed but probably not intended, as a sentence each.
    var warnings: [String] {
        connection.warnings + (pauseImage.isEmpty ? [] : ["-pause-image has no effect"])
    }
}
