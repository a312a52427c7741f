internal import Configuration
internal import FakeCloud

/// `cloud-api-adaptor fake`: everything common, and how the cloud of this machine behaves.
struct FakeProvider: Sendable {
    var adaptor = AdaptorConfiguration()
    var cloud = FakeCloudOptions()

    static let command = Command(
        "cloud-api-adaptor fake", summary: "run pod VMs as processes of this machine",
        details: """
            Each pod VM is a tree of processes with a loopback address of its own. It reads its user data, runs \
            agent-protocol-forwarder and a stand-in for kata's agent that really runs processes, without isolating them.
            """,
        defaults: FakeProvider(),
        sections: [
            .init("Flags of every provider", AdaptorConfiguration.settings.map { $0.within(\.adaptor) }),
            .init("Flags of the fake cloud", settings.map { $0.within(\.cloud) }),
        ])

    private static let settings: [Setting<FakeCloudOptions>] = [
        Setting(
            "fake-state-dir", environment: "FAKE_STATE_DIR", \.stateDirectory, .path,
            "Where the VMs are, a directory each. Two adaptors must not share it."),
        Setting(
            "fake-programs-dir", environment: "FAKE_PROGRAMS_DIR", \.programsDirectory, .path,
            "Where fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
        Setting(
            "fake-forwarder-flags", environment: "FAKE_FORWARDER_FLAGS", \.forwarderFlags, .list("FLAG,..."),
            "Further flags of the VMs' forwarders, such as -cert-file=PATH."),
        Setting(
            "fake-accept-delay", environment: "FAKE_ACCEPT_DELAY", \.acceptDelay, .duration(in: hours),
            "How long the cloud takes to accept a VM, and so to know its address."),
        Setting(
            "fake-boot-delay", environment: "FAKE_BOOT_DELAY", \.bootDelay, .duration(in: hours),
            "How long a VM takes to boot."),
        Setting(
            "fake-failure", environment: "FAKE_FAILURE", \.failure,
            .choice(FakeFailure.allCases.map { ($0.rawValue, $0) }), "What goes wrong."),
        Setting(
            "fake-failure-first", environment: "FAKE_FAILURE_FIRST", \.faults.first, .integer(in: 0 ... .max),
            "Only the first so many VMs fail; 0 sets no such limit."),
        Setting(
            "fake-failure-percent", environment: "FAKE_FAILURE_PERCENT", \.faults.percent, .integer(in: 0...100),
            "How many of a hundred VMs fail, by lot."),
        Setting(
            "fake-life", environment: "FAKE_LIFE", \.life, .duration(in: hours),
            "How long an agent or a guest lives that is to die."),
    ]

    private static let hours = Duration.zero ... .seconds(86_400)
}
