/// Begins the one sandbox of an agent.
public struct CreateSandboxRequest: Message {
    public var hostname = ""
    /// Lines for the guest's resolver; a forwarder clears them.
    public var dns: [String] = []
    public var storages: [Storage] = []
    public var sandboxPIDNamespace = false
    public var sandboxID = ""
    public var guestHookPath = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &hostname)
        fields.strings(2, &dns)
        fields.messages(3, &storages)
        fields.bool(4, &sandboxPIDNamespace)
        fields.string(5, &sandboxID)
        fields.string(6, &guestHookPath)
    }
}

/// Something for the agent to mount.
public struct Storage: Message {
    /// What kind it is; `image_guest_pull` marks an image that the guest pulls itself.
    public var driver = ""
    public var driverOptions: [String] = []
    public var source = ""
    public var filesystem = ""
    public var options: [String] = []
    public var mountPoint = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &driver)
        fields.strings(2, &driverOptions)
        fields.string(3, &source)
        fields.string(4, &filesystem)
        fields.strings(5, &options)
        fields.string(6, &mountPoint)
    }
}

/// Asks what the guest can do.
public struct GuestDetailsRequest: Message {
    public var memoryBlockSize = false
    public var memoryHotplugProbe = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &memoryBlockSize)
        fields.bool(2, &memoryHotplugProbe)
    }
}

/// What the guest can do.
public struct GuestDetails: Message {
    public var memoryBlockBytes: UInt64 = 0
    public var agent: AgentDetails?
    public var supportsMemoryHotplugProbe = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &memoryBlockBytes)
        fields.message(2, &agent)
        fields.bool(3, &supportsMemoryHotplugProbe)
    }
}

/// What the agent itself is.
public struct AgentDetails: Message {
    public var version = ""
    /// It runs as process 1.
    public var isInit = false
    public var deviceHandlers: [String] = []
    public var storageHandlers: [String] = []
    public var supportsSeccomp = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &version)
        fields.bool(2, &isInit)
        fields.strings(3, &deviceHandlers)
        fields.strings(4, &storageHandlers)
        fields.bool(5, &supportsSeccomp)
    }
}

/// Sets the guest's clock to a Unix time.
public struct SetGuestDateTimeRequest: Message {
    public var seconds: Int64 = 0
    public var microseconds: Int64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &seconds)
        fields.integer(2, &microseconds)
    }
}

/// Brings hot-plugged processors and memory into use.
public struct OnlineCPUMemRequest: Message {
    public var wait = false
    public var processors: UInt32 = 0
    public var processorsOnly = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &wait)
        fields.integer(2, &processors)
        fields.bool(3, &processorsOnly)
    }
}

/// Feeds the guest's random number generator.
public struct ReseedRandomDevRequest: Message {
    public var data: [UInt8] = []

    public init() {}
    // There is no field 1.
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(2, &data) }
}

/// Gives the agent the policy that its calls must meet.
public struct SetPolicyRequest: Message {
    /// Rego.
    public var policy = ""

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &policy) }
}

/// Puts one piece of a file into the guest; the file appears once all of it is there.
public struct CopyFileRequest: Message {
    /// Absolute.
    public var path = ""
    public var fileSize: Int64 = 0
    public var fileMode: UInt32 = 0
    public var directoryMode: UInt32 = 0
    public var uid: Int32 = 0
    public var gid: Int32 = 0
    /// Where in the file ``data`` goes.
    public var offset: Int64 = 0
    public var data: [UInt8] = []

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &path)
        fields.integer(2, &fileSize)
        fields.integer(3, &fileMode)
        fields.integer(4, &directoryMode)
        fields.integer(5, &uid)
        fields.integer(6, &gid)
        fields.integer(7, &offset)
        fields.bytes(8, &data)
    }
}

/// The agent's figures, as Prometheus text.
public struct AgentMetrics: Message {
    public var metrics = ""

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &metrics) }
}

/// A container was killed because memory ran out.
public struct OOMEvent: Message {
    public var containerID = ""

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}
