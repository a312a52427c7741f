/// Connects a pod on this node to its VM: identity, boot document, network and tunnel.
///
/// Each sandbox has a directory (0700) of its own. The directory exists before ``prepare(_:in:vmName:)``, and is
/// removed as a whole after the sandbox has ended. The record in it (`record.json`) does not belong to the connector.
public protocol PodConnector: Sendable {
    /// Does all work that needs no cloud: inspects the pod's network, creates the identity, and writes the boot
    /// document within its size limit. The supervisor calls it once for each sandbox. If it throws, the supervisor
    /// calls ``disconnect(_:in:)`` and ``release(_:in:)``, and removes the directory.
    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod

    /// The VM's boot document in base64, as ``prepare(_:in:vmName:)`` wrote it. A later process that continues the
    /// start reads it again, until ``started(_:in:)``.
    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String

    /// Dials the VM until the agent has answered through the tunnel, and then listens on the agent socket.
    ///
    /// It tries until it succeeds or its task is cancelled: the caller limits the time. Before that it throws only
    /// errors that another try does not change. When it is cancelled, it throws the error of its last try, if there was
    /// one. That error explains a time-out.
    func connect(_ sandbox: SandboxID, in directory: String, to instance: Instance) async throws(ConnectorError)

    /// Removes what only a start needs: the boot document.
    ///
    /// The supervisor calls it when it is on record that the sandbox runs, and for a running sandbox of an earlier
    /// process. Idempotent. If it fails, it logs the reason.
    func started(_ sandbox: SandboxID, in directory: String) async

    /// Listens on the agent socket of a running sandbox of an earlier process again, unless the socket is served.
    ///
    /// The supervisor calls it at the start. It does not wait for the VM. If it fails, it logs the reason, and the
    /// sandbox stays.
    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async

    /// Removes tunnel and keys, and begins to remove the network. Idempotent and quick, because StopVM waits for it.
    /// The supervisor also calls it for a sandbox that was never connected, or that an earlier process connected.
    func disconnect(_ sandbox: SandboxID, in directory: String) async

    /// Releases resources that no other pod may have while the sandbox's VM might still send, and completes the work of
    /// ``disconnect(_:in:)``.
    ///
    /// The supervisor calls it after the VM is deleted and ``disconnect(_:in:)`` has returned, and before it removes
    /// the directory. It may take long. If it throws, it is called again, also by a later process. For a sandbox that
    /// holds nothing it does nothing.
    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError)

    /// The time at which a client was last connected to the sandbox's agent socket. It is the present time while a
    /// client is connected, and nil when none was connected in this process.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant?

    /// Reserves the resources of a sandbox of an earlier process, so that no other sandbox gets them.
    ///
    /// The supervisor calls it first, at the start, for every sandbox that has a directory. That includes a sandbox
    /// whose record cannot be read, which keeps its resources.
    func adopt(_ sandbox: SandboxID, in directory: String)

    /// Returns once the shims' calls can reach this process, or the caller is cancelled.
    ///
    /// Where a gateway holds the shims' connections, that is when the gateway knows this process. The time in which a
    /// StartVM has to continue a start begins then.
    func callersReachable() async
}

extension PodConnector {
    /// A connector without a boot document has nothing to remove.
    public func started(_ sandbox: SandboxID, in directory: String) async {}

    /// Without a gateway, the shims call this process directly.
    public func callersReachable() async {}
}

/// The answer to CreateVM.
public struct PreparedPod: Hashable, Sendable {
    /// The unix socket on which the agent will be reachable: `agent.ttrpc` in the sandbox's directory, at most 107 bytes.
    public let agentSocketPath: String
    /// The path of the agent socket in a sandbox's directory.
    static func agentSocketPath(in directory: String) -> String { "\(directory)/agent.ttrpc" }

    /// The number of the pod's VXLAN tunnel, for the sandbox's record; nil without a tunnel.
    public let vni: UInt32?

    /// A prepared pod with its agent socket.
    public init(agentSocketPath: String, vni: UInt32? = nil) {
        self.agentSocketPath = agentSocketPath
        self.vni = vni
    }
}
