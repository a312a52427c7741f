public import Configuration
internal import LinuxIO
public import ProcessHardening
public import Telemetry

/// The settings of `cloud-api-adaptor gateway`. They have the names, variables and defaults of the adaptor's settings.
public struct GatewayOptions: Sendable {
    /// The unix socket that kata's shims connect to.
    public var hypervisorSocket = "/run/peerpod/hypervisor.sock"
    /// The unix socket that the adaptor connects to.
    public var controlSocket = "/run/peerpod/gateway.sock"
    /// The adaptor's directory for sandboxes.
    public var podsDirectory = "/run/peerpod/pods"
    /// Whether a gateway takes the connections of an earlier one.
    public var takesConnections = true
    /// Whether the gateway answers kata's health checks while the path to a VM is broken.
    public var answersHealth = true
    /// The interval of the search for tunnels of sandboxes that no longer exist.
    public var tunnelCheckInterval = Duration.seconds(60)
    /// What happens to system calls that the gateway does not need.
    public var systemCallFilter = SystemCallFilter.Mode.enforce
    /// The lowest level that is logged.
    public var logLevel = LogLevel.info
    /// The format of log lines.
    public var logFormat = Logger.Format.automatic

    /// The defaults.
    public init() {}

    /// The flags and variables.
    public static let settings: [Setting<GatewayOptions>] = [
        Setting(
            "socket", environment: "REMOTE_HYPERVISOR_ENDPOINT", \.hypervisorSocket, .path,
            "The unix socket that kata's shims connect to."),
        Setting(
            "gateway-socket", environment: "GATEWAY_SOCKET", \.controlSocket, .path,
            """
            The unix socket that the adaptor connects to; give the same path to the adaptor as -gateway. The adaptor makes \
            its own socket, adaptor.sock, in the same directory.
            """),
        Setting(
            "pods-dir", environment: "PODS_DIR", \.podsDirectory, .path,
            "The adaptor's directory for sandboxes. The gateway writes stop marks and agent sockets there."),
        Setting(
            "take-over", environment: "GATEWAY_TAKE_OVER", \.takesConnections, .bool,
            """
            Take the agent connections of the gateway that runs, so that it ends. Only connections to forwarders that \
            support sessions can be taken. Otherwise the other gateway keeps its connections until their pods end.
            """),
        Setting(
            "answer-health-while-suspended", \.answersHealth, .bool,
            """
            Answer kata's health checks of a pod while the path to its VM is broken, for a minute at most. Otherwise kata \
            stops the pod after 30 seconds without an answer.
            """),
        .systemCallFilter(\.systemCallFilter), .logLevel(\.logLevel), .logFormat(\.logFormat),
    ]
}
