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
    /// Further flags of each VM's stand-in for kata's agent.
    public var agentFlags: [String] = []
    /// What a VM has of its own: interfaces, mounts and processes, or a loopback address.
    public var network = MachineIsolation.automatic
    /// The virtual machines; without an image, VMs are processes.
    public var virtual = VirtualMachineOptions()
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
}
