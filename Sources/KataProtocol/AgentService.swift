/// `grpc.AgentService`: what kata's agent does inside the VM.
///
/// These are the methods a plain pod's life needs, and the agent's answer to its pings.
/// Field numbers are those of `agent.proto`, `oci.proto` and `types.proto` in kata-containers.
public enum AgentService {
    /// The service's name on the wire.
    public static let service = "grpc.AgentService"

    public static let check = Health.check
    public static let version = Health.version

    public static let createSandbox = Method<CreateSandboxRequest, Empty>(service, "CreateSandbox")
    public static let destroySandbox = Method<Empty, Empty>(service, "DestroySandbox")
    public static let getGuestDetails = Method<GuestDetailsRequest, GuestDetails>(service, "GetGuestDetails")
    public static let setGuestDateTime = Method<SetGuestDateTimeRequest, Empty>(service, "SetGuestDateTime")
    public static let onlineCPUMem = Method<OnlineCPUMemRequest, Empty>(service, "OnlineCPUMem")
    public static let reseedRandomDev = Method<ReseedRandomDevRequest, Empty>(service, "ReseedRandomDev")
    public static let setPolicy = Method<SetPolicyRequest, Empty>(service, "SetPolicy")
    public static let copyFile = Method<CopyFileRequest, Empty>(service, "CopyFile")
    public static let getMetrics = Method<Empty, AgentMetrics>(service, "GetMetrics")
    public static let getVolumeStats = Method<VolumeStatsRequest, VolumeStats>(service, "GetVolumeStats")
    public static let getOOMEvent = Method<Empty, OOMEvent>(service, "GetOOMEvent")

    public static let createContainer = Method<CreateContainerRequest, Empty>(service, "CreateContainer")
    public static let startContainer = Method<ContainerRequest, Empty>(service, "StartContainer")
    public static let removeContainer = Method<RemoveContainerRequest, Empty>(service, "RemoveContainer")
    public static let updateContainer = Method<UpdateContainerRequest, Empty>(service, "UpdateContainer")
    public static let statsContainer = Method<ContainerRequest, ContainerStats>(service, "StatsContainer")

    public static let execProcess = Method<ExecProcessRequest, Empty>(service, "ExecProcess")
    public static let signalProcess = Method<SignalProcessRequest, Empty>(service, "SignalProcess")
    public static let waitProcess = Method<ProcessRequest, WaitProcessResponse>(service, "WaitProcess")
    public static let writeStdin = Method<WriteStreamRequest, WriteStreamResponse>(service, "WriteStdin")
    public static let readStdout = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStdout")
    public static let readStderr = Method<ReadStreamRequest, ReadStreamResponse>(service, "ReadStderr")
    public static let closeStdin = Method<ProcessRequest, Empty>(service, "CloseStdin")
    public static let ttyWinResize = Method<TtyWinResizeRequest, Empty>(service, "TtyWinResize")

    public static let updateInterface = Method<UpdateInterfaceRequest, NetworkInterface>(service, "UpdateInterface")
    public static let updateRoutes = Method<UpdateRoutesRequest, Routes>(service, "UpdateRoutes")
    public static let listInterfaces = Method<Empty, NetworkInterfaces>(service, "ListInterfaces")
    public static let listRoutes = Method<Empty, Routes>(service, "ListRoutes")
}
