internal import Configuration

/// The Azure that runs in the adaptor's own process, with machines of this host.
struct FakeCloudSettings: Sendable {
    var isUsed = false
    var stateDirectory = "/run/peerpod/fake-cloud"
    var programsDirectory = ""
    var forwarderFlags: [String] = []
    var scenario = ""
    var recording = ""
    var acceptDelay = Duration.zero
    var addressDelay = Duration.zero
    var bootDelay = Duration.zero
    var operationDelay = Duration.zero

    static let settings: [Setting<FakeCloudSettings>] = [
        Setting(
            "fake-cloud", environment: "FAKE_CLOUD", \.isUsed, .bool,
            "Use it: the settings of the account, the endpoints and the place above are then its own."),
        Setting(
            "fake-state-dir", environment: "FAKE_STATE_DIR", \.stateDirectory, .path,
            "Where it keeps its resources and machines, which outlive it. Two adaptors must not share it."),
        Setting(
            "fake-programs-dir", environment: "FAKE_PROGRAMS_DIR", \.programsDirectory, .path,
            "Where fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
        Setting(
            "fake-forwarder-flags", environment: "FAKE_FORWARDER_FLAGS", \.forwarderFlags, .list("FLAG,..."),
            "Further flags of the machines' forwarders, such as -cert-file=PATH."),
        Setting(
            "fake-scenario", environment: "FAKE_SCENARIO", \.scenario, .path,
            "What happens in it, as JSON: delays, failures, throttling, capacity, quota."),
        Setting(
            "fake-record", environment: "FAKE_RECORD", \.recording, .path,
            "Where every exchange with it is appended, as a line of JSON. It has tokens and user data."),
        Setting(
            "fake-accept-delay", environment: "FAKE_ACCEPT_DELAY", \.acceptDelay, delay,
            "How long it takes to accept a VM; 0 leaves these four to the scenario."),
        Setting(
            "fake-address-delay", environment: "FAKE_ADDRESS_DELAY", \.addressDelay, delay,
            "How long until the network interface has its address, from the request."),
        Setting(
            "fake-boot-delay", environment: "FAKE_BOOT_DELAY", \.bootDelay, delay,
            "How long until the guest's programs start, from the request."),
        Setting(
            "fake-operation-delay", environment: "FAKE_OPERATION_DELAY", \.operationDelay, delay,
            "How long until it calls the VM done, from the request."),
    ]

    private static let delay = ValueFormat.duration(in: .zero ... .seconds(86_400))
}
