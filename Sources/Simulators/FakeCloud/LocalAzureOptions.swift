public import Configuration
public import LinuxIO
package import Telemetry

/// The settings of a fake Azure on this host.
public struct LocalAzureOptions: Sendable {
    /// The address to listen on; port 0 takes any free one.
    public var listen = SocketAddress.tcp(host: "127.0.0.1", port: 0)
    /// Whether Resource Manager and the token endpoint are served over TLS, with a certificate authority of the fake's own.
    public var usesTLS = false
    /// The account's client secret; nil: a random one. Only tests set it.
    package var clientSecret: Secret<String>?
    /// Whether managed identities and federated tokens get tokens, too.
    public var acceptsAnyIdentity = false
    /// The directory of resources (`arm`) and machines (`machines`), which outlive the process.
    public var stateDirectory = "/run/peerpod/fake-cloud"
    /// The directory of `fake-pod-vm` and `agent-protocol-forwarder`; empty: that of this program.
    public var programsDirectory = ""
    /// The TCP port of each VM's forwarder.
    public var forwarderPort: UInt16 = 15150
    /// Further flags of each VM's forwarder.
    public var forwarderFlags: [String] = []
    /// What a VM has of its own: interfaces, mounts and processes, or a loopback address.
    public var network = MachineIsolation.automatic
    /// The file with the scenario; empty: no delays and no faults.
    public var scenarioFile = ""
    /// The file to which every exchange is appended; empty: none.
    public var recordingFile = ""
    // These override the scenario unless they are zero.
    /// The time from the request until the VM is accepted.
    public var acceptDelay = Duration.zero
    /// The time from the request until the network interface has its address.
    public var addressDelay = Duration.zero
    /// The time from the request until the VM's programs start.
    public var bootDelay = Duration.zero
    /// The minimum time from the request until the creation is reported as done.
    public var operationDelay = Duration.zero

    /// A fake Azure without delays and failures.
    public init() {}

    /// The settings, with a prefix for the flags; variables have the prefix `FAKE_`.
    public static func settings(prefix: String) -> [Setting<LocalAzureOptions>] {
        func setting<Value>(
            _ name: String, _ field: any WritableKeyPath<LocalAzureOptions, Value> & Sendable,
            _ format: ValueFormat<Value>, _ help: String
        ) -> Setting<LocalAzureOptions> {
            let variable = "FAKE_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
            return Setting(prefix + name, environment: variable, field, format, help)
        }
        let delay = ValueFormat.duration(in: .zero ... .seconds(86_400))
        return [
            setting(
                "state-dir", \.stateDirectory, .path,
                """
                Where it keeps its resources and VMs, which outlive it; no two may share it. The file secret in it has \
                the client secret of this run.
                """),
            setting(
                "programs-dir", \.programsDirectory, .path,
                "Where fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
            setting(
                "forwarder-flags", \.forwarderFlags, .list("FLAG,..."),
                "Further flags of the VMs' forwarders, such as -cert-file=PATH."),
            setting(
                "network", \.network, .choice(MachineIsolation.allCases.map { ($0.rawValue, $0) }),
                """
                What a VM has of its own. hosts: interfaces, mounts and processes, which needs root; loopback: a \
                loopback address only; automatic: hosts if this process has the rights for it, else loopback.
                """),
            setting(
                "scenario", \.scenarioFile, .path,
                "A JSON file with its behaviour: delays, failures, throttling, capacity, quota."),
            setting(
                "record", \.recordingFile, .path,
                """
                A file to which every exchange is written, one line of JSON each, without keys, tokens and user data. \
                An older file is replaced.
                """),
            setting(
                "any-identity", \.acceptsAnyIdentity, .bool,
                """
                Give tokens to managed identities and for federated tokens, too. Every user of this machine can then run \
                programs with the rights of this process.
                """),
            setting(
                "accept-delay", \.acceptDelay, delay,
                "How long it takes to accept a VM. All delays count from the request; 0 means what the scenario says."),
            setting("address-delay", \.addressDelay, delay, "When the network interface of a VM has its address."),
            setting("boot-delay", \.bootDelay, delay, "When the programs of a VM start."),
            setting(
                "operation-delay", \.operationDelay, delay,
                "The minimum time until the creation of a VM is reported as done."),
        ]
    }
}
