/// What ties a pod on this node to its VM: identity, boot document, network and tunnel.
///
/// Each sandbox has a directory (0700) of its own, which is there before ``prepare(_:in:vmName:)`` and is removed as a
/// whole when the sandbox is gone; the record in it (`record.json`) is not the connector's.
public protocol PodConnector: Sendable {
    /// Does all that needs no cloud: looks at the pod's network, makes the identity, and the boot document within its
    /// budget. Called once a sandbox; if it throws, ``disconnect(_:in:)`` and ``release(_:in:)`` follow and the
    /// directory goes.
    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod

    /// What the VM boots with, in base64: the document that ``prepare(_:in:vmName:)`` made.
    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String

    /// Dials the VM until the agent has answered through the tunnel; listens on the agent socket from then on.
    ///
    /// It tries until it succeeds or its task is cancelled: the caller keeps the time. It throws by itself only
    /// what another try does not change. Cancelled, it throws what its last try failed with, if it made one: that is what a
    /// person wants to hear after a time-out.
    func connect(_ sandbox: SandboxID, in directory: String, to instance: Instance) async throws(ConnectorError)

    /// Takes tunnel and keys away, and begins to take the network away. Idempotent and quick, since StopVM waits for it;
    /// also for what was never connected, or by an earlier process.
    func disconnect(_ sandbox: SandboxID, in directory: String) async

    /// Releases what no other pod may have while the sandbox's VM might still send, and finishes what
    /// ``disconnect(_:in:)`` has begun.
    ///
    /// Called once the VM is gone and disconnecting has returned, and before the directory goes. It may take its time;
    /// if it throws, it is called again, also by a later process. What was never taken is given back already.
    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError)

    /// When a client was last connected to the sandbox's agent socket: now, while one is; nil when none was in this
    /// process.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant?

    /// Notes what a sandbox of an earlier process has, so that no other gets it.
    ///
    /// Called at the start, before anything else, for every sandbox that has a directory; also for one whose record
    /// cannot be read, and which therefore keeps what it has.
    func adopt(_ sandbox: SandboxID, in directory: String)
}

/// What kata is told about a pod that is prepared.
public struct PreparedPod: Hashable, Sendable {
    /// The unix socket on which the agent will be reached: in the sandbox's directory, at most 107 bytes.
    public let agentSocketPath: String

    /// Says where the agent will be reached.
    public init(agentSocketPath: String) { self.agentSocketPath = agentSocketPath }
}
