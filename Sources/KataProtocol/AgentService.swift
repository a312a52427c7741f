public import TTRPC

/// `grpc.AgentService`: the service of kata's agent in the VM.
///
/// It has the methods for the lifecycle of a plain pod, and for health checks. The field numbers are those of
/// `agent.proto`, `oci.proto` and `types.proto` in kata-containers.
public enum AgentService {
    /// The service's name on the wire.
    public static let service = "grpc.AgentService"

    /// Returns whether the agent is healthy. The shim calls it periodically.
    public static let check = Health.check
    /// Returns the versions of the agent and of its protocol.
    public static let version = Health.version

    /// Creates the sandbox. The shim calls it before all other sandbox methods.
    public static let createSandbox = Method<CreateSandboxRequest, Empty>(service, "CreateSandbox")
    /// Destroys the sandbox and its remaining containers.
    public static let destroySandbox = Method<Empty, Empty>(service, "DestroySandbox")
    /// Returns the capabilities of the guest.
    public static let getGuestDetails = Method<GuestDetailsRequest, GuestDetails>(service, "GetGuestDetails")
    /// Sets the guest's clock.
    public static let setGuestDateTime = Method<SetGuestDateTimeRequest, Empty>(service, "SetGuestDateTime")
    /// Enables hot-plugged processors and memory.
    public static let onlineCPUMem = Method<OnlineCPUMemRequest, Empty>(service, "OnlineCPUMem")
    /// Adds random bytes to the random number generator.
    public static let reseedRandomDev = Method<ReseedRandomDevRequest, Empty>(service, "ReseedRandomDev")
    /// Sets the policy that the agent applies to calls.
    public static let setPolicy = Method<SetPolicyRequest, Empty>(service, "SetPolicy")
    /// Writes a part of a file in the guest.
    public static let copyFile = Method<CopyFileRequest, Empty>(service, "CopyFile")
    /// Returns the agent's metrics.
    public static let getMetrics = Method<Empty, AgentMetrics>(service, "GetMetrics")
    /// Returns the usage of a volume.
    public static let getVolumeStats = Method<VolumeStatsRequest, VolumeStats>(service, "GetVolumeStats")
    /// Waits until a container has no more memory (OOM).
    public static let getOOMEvent = Method<Empty, OOMEvent>(service, "GetOOMEvent")

    /// Creates a container.
    public static let createContainer = Method<CreateContainerRequest, Empty>(service, "CreateContainer")
    /// Starts a container's first process.
    public static let startContainer = Method<ContainerRequest, Empty>(service, "StartContainer")
    /// Removes a container.
    public static let removeContainer = Method<RemoveContainerRequest, Empty>(service, "RemoveContainer")
    /// Changes the limits of a container.
    public static let updateContainer = Method<UpdateContainerRequest, Empty>(service, "UpdateContainer")
    /// Returns the resource usage of a container.
    public static let statsContainer = Method<ContainerRequest, ContainerStats>(service, "StatsContainer")

    /// Runs one more process in a container.
    public static let execProcess = Method<ExecProcessRequest, Empty>(service, "ExecProcess")
    /// Sends a signal to a process.
    public static let signalProcess = Method<SignalProcessRequest, Empty>(service, "SignalProcess")
    /// Waits until a process has ended. It can be called several times for a process.
    public static let waitProcess = Method<ProcessRequest, WaitProcessResponse>(service, "WaitProcess")
    /// Writes to a process's standard input.
    public static let writeStdin = Method<WriteStreamRequest, WriteStreamResponse>(service, "WriteStdin")
    /// Waits for a process's standard output.
    public static let readStdout = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStdout")
    /// Waits for a process's standard error.
    public static let readStderr = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStderr")
    /// Closes a process's standard input.
    public static let closeStdin = Method<ProcessRequest, Empty>(service, "CloseStdin")
    /// Sets the size of a terminal.
    public static let ttyWinResize = Method<TtyWinResizeRequest, Empty>(service, "TtyWinResize")

    /// Sets up a network interface.
    public static let updateInterface = Method<UpdateInterfaceRequest, NetworkInterface>(service, "UpdateInterface")
    /// Replaces the routes.
    public static let updateRoutes = Method<UpdateRoutesRequest, Routes>(service, "UpdateRoutes")
    /// Returns the network interfaces.
    public static let listInterfaces = Method<Empty, NetworkInterfaces>(service, "ListInterfaces")
    /// Returns the routes.
    public static let listRoutes = Method<Empty, Routes>(service, "ListRoutes")
}
