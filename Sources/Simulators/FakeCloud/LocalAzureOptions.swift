public import Configuration
public import LinuxIO
package import Telemetry

/// How an Azure of this host is set up.
public struct LocalAzureOptions: Sendable {
    /// Where it listens; port 0 takes any free one.
    public var listen = SocketAddress.tcp(host: "127.0.0.1", port: 0)
    public var usesTLS = false
    /// The account's client secret; nil: a random one, which is the only safe choice but in tests.
    package var clientSecret: Secret<String>?
    /// Whether the node's managed identity and any federated token get tokens, too.
    public var acceptsAnyIdentity = false
    /// Resources under `arm`, machines under `machines`: both outlive the process.
    public var stateDirectory = "/run/peerpod/fake-cloud"
    /// See ``LocalMachines/Options``, as the next three.
    public var programsDirectory = ""
    public var forwarderPort: UInt16 = 15150
    public var forwarderFlags: [String] = []
    public var network = MachineIsolation.automatic
    /// A file with what happens in it; empty: nothing but what was asked for.
    public var scenarioFile = ""
    /// Where every exchange is appended; empty: nowhere.
    public var recordingFile = ""
    // Stronger than the scenario, unless they are zero.
    public var acceptDelay = Duration.zero
    public var addressDelay = Duration.zero
    public var bootDelay = Duration.zero
    public var operationDelay = Duration.zero

    /// An Azure that works as fast as it can.
    public init() {}

    /// The settings that every program has that runs one, with what their flags and variables begin with.
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
                Where it keeps its resources and machines, which outlive it; no two may share it. The file secret in it \
                has the client secret of this run.
                """),
            setting(
                "programs-dir", \.programsDirectory, .path,
                "Where fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
            setting(
                "forwarder-flags", \.forwarderFlags, .list("FLAG,..."),
                "Further flags of the machines' forwarders, such as -cert-file=PATH."),
            setting(
                "network", \.network, .choice(MachineIsolation.allCases.map { ($0.rawValue, $0) }),
                "What machines have of their own: hosts have interfaces, mounts and processes, which takes root; "
                    + "loopback is an address only; automatic is the most that this process may make."),
            setting(
                "scenario", \.scenarioFile, .path,
                "What happens in it, as JSON: delays, failures, throttling, capacity, quota."),
            setting(
                "record", \.recordingFile, .path,
                """
                A file that every exchange is written to, a line of JSON each, without keys, tokens and user data. An \
                older file is replaced.
                """),
            setting(
                "any-identity", \.acceptsAnyIdentity, .bool,
                """
                Give tokens to managed identities and for federated tokens, too. Every user of this machine can then run \
                programs with the rights of this process.
                """),
            setting(
                "accept-delay", \.acceptDelay, delay,
                "How long it takes to accept a VM. The delays count from the request; 0 leaves them to the scenario."),
            setting("address-delay", \.addressDelay, delay, "When a VM's network interface has its address."),
            setting("boot-delay", \.bootDelay, delay, "When a VM's programs start."),
            setting("operation-delay", \.operationDelay, delay, "When it calls a VM done, at the earliest."),
        ]
    }
}
