public import TTRPC

/// `grpc.AgentService`: what kata's agent does inside the VM.
///
/// These are the methods a plain pod's life needs, and the agent's answer to its pings.
/// Field numbers are those of `agent.proto`, `oci.proto` and `types.proto` in kata-containers.
public enum AgentService {
    /// The service's name on the wire.
    public static let service = "grpc.AgentService"

    /// Whether the agent is well: what the shim pings with.
    public static let check = Health.check
    /// Which versions the agent is and speaks.
    public static let version = Health.version

    /// Begins the sandbox; comes before all else.
    public static let createSandbox = Method<CreateSandboxRequest, Empty>(service, "CreateSandbox")
    /// Ends the sandbox and what is left in it.
    public static let destroySandbox = Method<Empty, Empty>(service, "DestroySandbox")
    /// What the guest can do.
    public static let getGuestDetails = Method<GuestDetailsRequest, GuestDetails>(service, "GetGuestDetails")
    /// Sets the guest's clock.
    public static let setGuestDateTime = Method<SetGuestDateTimeRequest, Empty>(service, "SetGuestDateTime")
    /// Brings hot-plugged resources into use.
    public static let onlineCPUMem = Method<OnlineCPUMemRequest, Empty>(service, "OnlineCPUMem")
    /// Feeds the random number generator.
    public static let reseedRandomDev = Method<ReseedRandomDevRequest, Empty>(service, "ReseedRandomDev")
    /// Sets the policy that calls must meet.
    public static let setPolicy = Method<SetPolicyRequest, Empty>(service, "SetPolicy")
    /// Puts a piece of a file into the guest.
    public static let copyFile = Method<CopyFileRequest, Empty>(service, "CopyFile")
    /// The agent's figures.
    public static let getMetrics = Method<Empty, AgentMetrics>(service, "GetMetrics")
    /// How full a volume is.
    public static let getVolumeStats = Method<VolumeStatsRequest, VolumeStats>(service, "GetVolumeStats")
    /// Waits until memory runs out for a container.
    public static let getOOMEvent = Method<Empty, OOMEvent>(service, "GetOOMEvent")

    /// Makes a container.
    public static let createContainer = Method<CreateContainerRequest, Empty>(service, "CreateContainer")
    /// Starts a container's first process.
    public static let startContainer = Method<ContainerRequest, Empty>(service, "StartContainer")
    /// Ends a container.
    public static let removeContainer = Method<RemoveContainerRequest, Empty>(service, "RemoveContainer")
    /// Changes what a container may use.
    public static let updateContainer = Method<UpdateContainerRequest, Empty>(service, "UpdateContainer")
    /// What a container has used.
    public static let statsContainer = Method<ContainerRequest, ContainerStats>(service, "StatsContainer")

    /// Runs one more process in a container.
    public static let execProcess = Method<ExecProcessRequest, Empty>(service, "ExecProcess")
    /// Sends a process a signal.
    public static let signalProcess = Method<SignalProcessRequest, Empty>(service, "SignalProcess")
    /// Waits until a process has ended; as often as one likes.
    public static let waitProcess = Method<ProcessRequest, WaitProcessResponse>(service, "WaitProcess")
    /// Gives a process input.
    public static let writeStdin = Method<WriteStreamRequest, WriteStreamResponse>(service, "WriteStdin")
    /// Waits for a process's output.
    public static let readStdout = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStdout")
    /// Waits for a process's error output.
    public static let readStderr = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStderr")
    /// Ends a process's input.
    public static let closeStdin = Method<ProcessRequest, Empty>(service, "CloseStdin")
    /// Tells a terminal its size.
    public static let ttyWinResize = Method<TtyWinResizeRequest, Empty>(service, "TtyWinResize")

    /// Sets up a network interface.
    public static let updateInterface = Method<UpdateInterfaceRequest, NetworkInterface>(service, "UpdateInterface")
    /// Replaces the routes.
    public static let updateRoutes = Method<UpdateRoutesRequest, Routes>(service, "UpdateRoutes")
    /// The network interfaces.
    public static let listInterfaces = Method<Empty, NetworkInterfaces>(service, "ListInterfaces")
    /// The routes.
    public static let listRoutes = Method<Empty, Routes>(service, "ListRoutes")
}
