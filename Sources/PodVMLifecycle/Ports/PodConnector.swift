/// Connects a pod on this node to its VM: identity, boot document, network and tunnel.
///
/// Each sandbox has a directory (0700) of its own, which is there before ``prepare(_:in:vmName:)`` and is removed as a
/// whole when the sandbox is gone; the record in it (`record.json`) is not the connector's.
public protocol PodConnector: Sendable {
    /// Does everything that needs no cloud: inspects the pod's network, creates the identity, and writes the boot document
    /// within its size limit. Called once a sandbox; if it throws, ``disconnect(_:in:)`` and ``release(_:in:)`` follow and the
    /// directory goes.
    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod

    /// What the VM boots with, in base64: the document that ``prepare(_:in:vmName:)`` made.
    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String

    /// Dials the VM until the agent has answered through the tunnel; listens on the agent socket from then on.
    ///
    /// It tries until it succeeds or its task is cancelled: the caller limits the time. Before that it throws only
    /// errors that another try does not change. Cancelled, it throws the error of its last try, if there was one, which
    /// explains a time-out.
    func connect(_ sandbox: SandboxID, in directory: String, to instance: Instance) async throws(ConnectorError)

    /// Removes tunnel and keys, and begins to remove the network. Idempotent and quick, because StopVM waits for it; also
    /// called for a sandbox that was never connected, or that an earlier process connected.
    func disconnect(_ sandbox: SandboxID, in directory: String) async

    /// Releases what no other pod may have while the sandbox's VM might still send, and finishes what
    /// ``disconnect(_:in:)`` has begun.
    ///
    /// Called once the VM is gone and disconnecting has returned, and before the directory goes. It may take its time;
    /// if it throws, it is called again, also by a later process. For a sandbox that holds nothing it does nothing.
    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError)

    /// When a client was last connected to the sandbox's agent socket: now, while one is; nil when none was in this
    /// process.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant?

    /// Reserves what a sandbox of an earlier process holds, so that no other sandbox gets it.
    ///
    /// Called at the start, before anything else, for every sandbox that has a directory; also for one whose record
    /// cannot be read, and which therefore keeps what it has.
    func adopt(_ sandbox: SandboxID, in directory: String)
}

/// The answer to CreateVM.
public struct PreparedPod: Hashable, Sendable {
    /// The unix socket on which the agent will be reached: in the sandbox's directory, at most 107 bytes.
    public let agentSocketPath: String

    /// A prepared pod with its agent socket.
    public init(agentSocketPath: String) { self.agentSocketPath = agentSocketPath }
}
