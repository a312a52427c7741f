internal import Configuration
internal import Telemetry

/// The flags of the program `fake-azure` that the adaptor passes on to it: the same names, with the prefix `fake-`.
struct FakeAzureSettings: Sendable {
    var stateDirectory = "/run/peerpod/fake-cloud"
    var programsDirectory = ""
    var forwarderFlags: [String] = []
    var network = "automatic"
    var scenarioFile = ""
    var recordingFile = ""
    var acceptsAnyIdentity = false
    var acceptDelay = Duration.zero
    var addressDelay = Duration.zero
    var bootDelay = Duration.zero
    var operationDelay = Duration.zero

    static let prefix = "fake-"

    static let settings: [Setting<FakeAzureSettings>] = [
        setting(
            "state-dir", \.stateDirectory, .path,
            """
            Where it keeps its resources and VMs, which outlive it; no two may share it. The file secret in it has the \
            client secret of this run.
            """),
        setting(
            "programs-dir", \.programsDirectory, .path,
            "Where fake-azure, fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
        setting(
            "forwarder-flags", \.forwarderFlags, .list("FLAG,..."),
            "Further flags of the VMs' forwarders, such as -cert-file=PATH."),
        setting(
            "network", \.network, .choice(["automatic", "hosts", "loopback"].map { ($0, $0) }),
            """
            What a VM has of its own. hosts: interfaces, mounts and processes, which needs root; loopback: a loopback \
            address only; automatic: hosts if this process has the rights for it, else loopback.
            """),
        setting(
            "scenario", \.scenarioFile, .path,
            "A JSON file with its behaviour: delays, failures, throttling, capacity, quota."),
        setting(
            "record", \.recordingFile, .path,
            """
            A file to which every exchange is written, one line of JSON each, without keys, tokens and user data. An \
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
            "How long it takes to accept a VM. All delays count from the request; 0 means what the scenario says."),
        setting("address-delay", \.addressDelay, delay, "When the network interface of a VM has its address."),
        setting("boot-delay", \.bootDelay, delay, "When the programs of a VM start."),
        setting(
            "operation-delay", \.operationDelay, delay,
            "The minimum time until the creation of a VM is reported as done."),
    ]

    private static let delay = ValueFormat.duration(in: .zero ... .seconds(86_400))

    private static func setting<Value>(
        _ name: String, _ field: any WritableKeyPath<FakeAzureSettings, Value> & Sendable,
        _ format: ValueFormat<Value>, _ help: String
    ) -> Setting<FakeAzureSettings> {
        let variable = "FAKE_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
        return Setting(prefix + name, environment: variable, field, format, help)
    }
}
