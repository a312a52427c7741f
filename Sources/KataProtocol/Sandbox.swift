public import TTRPC

/// Begins the one sandbox of an agent.
public struct CreateSandboxRequest: Message {
    /// The host's name inside.
    public var hostname = ""
    /// Lines for the guest's resolver; a forwarder clears them.
    public var dns: [String] = []
    /// What to mount first.
    public var storages: [Storage] = []
    /// Whether containers share their process ids.
    public var sandboxPIDNamespace = false
    /// The sandbox's id.
    public var sandboxID = ""
    /// Where OCI hooks are looked for in the guest.
    public var guestHookPath = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// What the driver is told.
    public var driverOptions: [String] = []
    /// What to mount.
    public var source = ""
    /// The file system's type.
    public var filesystem = ""
    /// As mount(8) takes them.
    public var options: [String] = []
    /// Where in the guest.
    public var mountPoint = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// Whether to tell the size of memory blocks.
    public var memoryBlockSize = false
    /// Whether to tell if memory can be added by probe.
    public var memoryHotplugProbe = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &memoryBlockSize)
        fields.bool(2, &memoryHotplugProbe)
    }
}

/// What the guest can do.
public struct GuestDetails: Message {
    /// The size of memory blocks.
    public var memoryBlockBytes: UInt64 = 0
    /// The agent.
    public var agent: AgentDetails?
    /// Whether memory can be added by probe.
    public var supportsMemoryHotplugProbe = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &memoryBlockBytes)
        fields.message(2, &agent)
        fields.bool(3, &supportsMemoryHotplugProbe)
    }
}

/// What the agent itself is.
public struct AgentDetails: Message {
    /// The agent's own version.
    public var version = ""
    /// It runs as process 1.
    public var isInit = false
    /// Kinds of devices it handles.
    public var deviceHandlers: [String] = []
    /// Kinds of storage it handles.
    public var storageHandlers: [String] = []
    /// Whether it filters system calls.
    public var supportsSeccomp = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// Since 1970.
    public var seconds: Int64 = 0
    /// Beyond the seconds.
    public var microseconds: Int64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &seconds)
        fields.integer(2, &microseconds)
    }
}

/// Brings hot-plugged processors and memory into use.
public struct OnlineCPUMemRequest: Message {
    /// Whether to answer only when done.
    public var wait = false
    /// How many; 0 does not check.
    public var processors: UInt32 = 0
    /// Whether to leave memory alone.
    public var processorsOnly = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &wait)
        fields.integer(2, &processors)
        fields.bool(3, &processorsOnly)
    }
}

/// Feeds the guest's random number generator.
public struct ReseedRandomDevRequest: Message {
    /// Random bytes.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}
    // There is no field 1.
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(2, &data) }
}

/// Gives the agent the policy that its calls must meet.
public struct SetPolicyRequest: Message {
    /// Rego.
    public var policy = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &policy) }
}

/// Puts one piece of a file into the guest; the file appears once all of it is there.
public struct CopyFileRequest: Message {
    /// Absolute.
    public var path = ""
    /// The whole file's length.
    public var fileSize: Int64 = 0
    /// The file's mode.
    public var fileMode: UInt32 = 0
    /// The mode of directories that are made.
    public var directoryMode: UInt32 = 0
    /// The file's owner.
    public var uid: Int32 = 0
    /// The file's group.
    public var gid: Int32 = 0
    /// Where in the file ``data`` goes.
    public var offset: Int64 = 0
    /// The piece.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// Prometheus text.
    public var metrics = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &metrics) }
}

/// A container was killed because memory ran out.
public struct OOMEvent: Message {
    /// The container.
    public var containerID = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}
