public import TTRPC

/// Creates the only sandbox of an agent.
public struct CreateSandboxRequest: Message {
    /// The host name in the sandbox.
    public var hostname = ""
    /// The lines of the guest's resolver configuration. A forwarder removes them.
    public var dns: [String] = []
    /// The storages to mount first.
    public var storages: [Storage] = []
    /// Whether containers share a PID namespace.
    public var sandboxPIDNamespace = false
    /// The sandbox's id.
    public var sandboxID = ""
    /// The directory of OCI hooks in the guest.
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

/// A storage that the agent mounts.
public struct Storage: Message {
    /// The kind of the storage. With `image_guest_pull` the guest pulls the image.
    public var driver = ""
    /// The options of the driver.
    public var driverOptions: [String] = []
    /// The source of the mount.
    public var source = ""
    /// The file system's type.
    public var filesystem = ""
    /// The mount options of mount(8).
    public var options: [String] = []
    /// The mount point in the guest.
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

/// Requests the capabilities of the guest.
public struct GuestDetailsRequest: Message {
    /// Whether the answer contains the size of memory blocks.
    public var memoryBlockSize = false
    /// Whether the answer says if memory can be added by probe.
    public var memoryHotplugProbe = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &memoryBlockSize)
        fields.bool(2, &memoryHotplugProbe)
    }
}

/// The capabilities of the guest.
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

/// The properties of the agent.
public struct AgentDetails: Message {
    /// The agent's own version.
    public var version = ""
    /// Whether the agent runs as process 1.
    public var isInit = false
    /// The kinds of devices that the agent handles.
    public var deviceHandlers: [String] = []
    /// The kinds of storage that the agent handles.
    public var storageHandlers: [String] = []
    /// Whether the agent filters system calls.
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
    /// The seconds since 1970.
    public var seconds: Int64 = 0
    /// The microseconds after the seconds.
    public var microseconds: Int64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &seconds)
        fields.integer(2, &microseconds)
    }
}

/// Enables hot-plugged processors and memory.
public struct OnlineCPUMemRequest: Message {
    /// Whether the agent answers only after it has finished.
    public var wait = false
    /// The number of processors; 0 disables the check.
    public var processors: UInt32 = 0
    /// Whether the agent leaves the memory unchanged.
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

/// Adds random bytes to the guest's random number generator.
public struct ReseedRandomDevRequest: Message {
    /// Random bytes.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}
    // There is no field 1.
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(2, &data) }
}

/// Sets the policy that the agent applies to calls.
public struct SetPolicyRequest: Message {
    /// The policy in Rego.
    public var policy = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &policy) }
}

/// Writes a part of a file in the guest. The file appears when it is complete.
public struct CopyFileRequest: Message {
    /// The absolute path.
    public var path = ""
    /// The length of the whole file.
    public var fileSize: Int64 = 0
    /// The file's mode.
    public var fileMode: UInt32 = 0
    /// The mode of created directories.
    public var directoryMode: UInt32 = 0
    /// The file's owner.
    public var uid: Int32 = 0
    /// The file's group.
    public var gid: Int32 = 0
    /// The offset of ``data`` in the file.
    public var offset: Int64 = 0
    /// The part of the file.
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

/// The agent's metrics, as Prometheus text.
public struct AgentMetrics: Message {
    /// Prometheus text.
    public var metrics = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &metrics) }
}

/// The kernel killed a container because it had no more memory.
public struct OOMEvent: Message {
    /// The container's id.
    public var containerID = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}
