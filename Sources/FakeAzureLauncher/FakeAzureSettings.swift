package import Configuration
internal import Telemetry

/// The flags of the program `fake-azure` that the adaptor has, too, and passes on to it. The adaptor's have the prefix `fake-`.
package struct FakeAzureSettings: Sendable {
    /// The directory of the fake's resources and VMs.
    package var stateDirectory = "/run/peerpod/fake-cloud"
    /// The directory of `fake-azure`, `fake-pod-vm` and `agent-protocol-forwarder`; empty: that of this program.
    package var programsDirectory = ""
    /// Further flags of the VMs' forwarders.
    package var forwarderFlags: [String] = []
    /// Further flags of the VMs' stand-ins for kata's agent.
    package var agentFlags: [String] = []
    /// The value of the flag `-network` of `fake-azure`.
    package var network = "automatic"
    /// The value of the flag `-machines` of `fake-azure`.
    package var machines = "processes"
    /// The raw image of virtual machines.
    package var image = ""
    /// The memory of a virtual machine in MiB.
    package var memory = 1024
    /// The most virtual machines at the same time.
    package var machineLimit = 4
    /// The value of the flag `-vm-accelerator` of `fake-azure`.
    package var accelerator = "automatic"
    /// The directory of the virtual machines' firmware.
    package var firmware = "/usr/share/OVMF"
    /// A JSON file with the behaviour of the fake; empty: none.
    package var scenarioFile = ""
    /// The file for the recorded exchanges; empty: none.
    package var recordingFile = ""
    /// Whether managed identities and federated tokens get tokens, too.
    package var acceptsAnyIdentity = false
    /// The time from the request until the VM is accepted; zero: the scenario decides.
    package var acceptDelay = Duration.zero
    /// The time from the request until the network interface has its address.
    package var addressDelay = Duration.zero
    /// The time from the request until the VM's programs start.
    package var bootDelay = Duration.zero
    /// The minimum time from the request until the creation is reported as done.
    package var operationDelay = Duration.zero

    /// The defaults.
    package init() {}

    /// The prefix of the adaptor's flags.
    package static let adaptorPrefix = "fake-"

    /// A flag and a variable for each field. Flags have the prefix `prefix`; variables have the prefix `FAKE_`.
    package static func settings(prefix: String) -> [Setting<FakeAzureSettings>] {
        func setting<Value>(
            _ name: String, _ field: any WritableKeyPath<FakeAzureSettings, Value> & Sendable,
            _ format: ValueFormat<Value>, _ help: String
        ) -> Setting<FakeAzureSettings> {
            let variable = "FAKE_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
            return Setting(prefix + name, environment: variable, field, format, help)
        }
        let delay = ValueFormat.duration(in: .zero ... .seconds(86_400))
        return [
            setting(
                "state-dir", \.stateDirectory, .path,
                """
                The directory for the fake's resources and VMs, which remain when the fake ends. Two fakes must not share \
                it. Its file secret has the client secret of this run.
                """),
            setting(
                "programs-dir", \.programsDirectory, .path,
                "Where fake-azure, fake-pod-vm and agent-protocol-forwarder are. Without it, beside this program."),
            setting(
                "forwarder-flags", \.forwarderFlags, .list("FLAG,..."),
                "Further flags of the VMs' forwarders, such as -cert-file=PATH."),
            setting(
                "agent-flags", \.agentFlags, .list("FLAG,..."),
                "Further flags of the VMs' agents, such as -images=pull (fake-pod-vm help agent)."),
            setting(
                "network", \.network, .choice(["automatic", "hosts", "loopback"].map { ($0, $0) }),
                """
                What a VM has of its own. hosts: interfaces, mounts and processes, which needs root; loopback: a loopback \
                address only; automatic: hosts if this process has the rights for it, else loopback.
                """),
            setting(
                "machines", \.machines, .choice(["processes", "virtual"].map { ($0, $0) }),
                """
                What a VM is. processes: programs of this machine; virtual: a virtual machine of qemu that boots -vm-image, \
                which needs root and the Debian packages qemu-system-x86, qemu-utils, ovmf, swtpm and swtpm-tools.
                """),
            setting(
                "vm-image", \.image, .path,
                "The raw disk image that virtual machines boot; scripts/image builds it. It is not changed."),
            setting("vm-memory", \.memory, .integer(in: 256...65_536), "The memory of a virtual machine in MiB."),
            setting(
                "vm-limit", \.machineLimit, .integer(in: 1...1000),
                "The most virtual machines at the same time; the creation of another one fails."),
            setting(
                "vm-accelerator", \.accelerator, .choice(["automatic", "kvm", "tcg"].map { ($0, $0) }),
                """
                How processors of virtual machines run. kvm: in the kernel; tcg: emulated, which is ten times slower; \
                automatic: kvm if a virtual machine can start with it, which is tried once.
                """),
            setting(
                "vm-firmware", \.firmware, .path, "The directory with OVMF_CODE_4M.fd and OVMF_VARS_4M.fd."),
            setting(
                "scenario", \.scenarioFile, .path,
                "A JSON file with the fake's behaviour: delays, failures, throttling, capacity, quota."),
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
    }

    /// The flags with which a supervised `fake-azure` gets these settings, without those that have their default.
    package var arguments: [String] {
        let command = Command(
            "fake-azure", summary: "", defaults: Self(), sections: [.init("Flags", Self.settings(prefix: ""))])
        let changed = zip(command.values(of: self), command.values(of: Self())).filter { $0.value != $1.value }
        return ["-supervised"] + changed.map { "-\($0.0.name)=\($0.0.value)" }
    }
}
