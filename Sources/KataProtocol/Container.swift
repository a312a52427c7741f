public import TTRPC

/// Creates a container, without starting it.
public struct CreateContainerRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The id of the container's first process. It is the container's id.
    public var execID = ""
    /// The storages to mount first.
    public var storages: [Storage] = []
    /// The OCI specification of the container.
    public var oci: OCISpec?
    /// Whether the container joins the sandbox's PID namespace.
    public var sandboxPIDNamespace = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.messages(5, &storages)
        fields.message(6, &oci)
        fields.bool(7, &sandboxPIDNamespace)
    }
}

/// Names a container.
public struct ContainerRequest: Message {
    /// The container's id.
    public var containerID = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}

/// Removes a container and ends its processes.
public struct RemoveContainerRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The time limit in seconds; 0 means no limit.
    public var timeout: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.integer(2, &timeout)
    }
}

/// Changes the limits of a container.
public struct UpdateContainerRequest: Message {
    /// The container's id.
    public var containerID = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
    }
}

/// The resource usage of a container.
public struct ContainerStats: Message {
    /// The counters of its control group.
    public var cgroup: CgroupStats?
    /// The counters of each interface.
    public var networks: [NetworkStats] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &cgroup)
        fields.messages(2, &networks)
    }
}

/// The control group's part of ``ContainerStats``.
public struct CgroupStats: Message {
    /// The processor time.
    public var cpu: CPUStats?
    /// The memory usage.
    public var memory: MemoryStats?
    /// The number of processes.
    public var pids: PIDsStats?

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &cpu)
        fields.message(2, &memory)
        fields.message(3, &pids)
    }
}

/// The processor time.
public struct CPUStats: Message {
    /// The used processor time.
    public var usage: CPUUsage?

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &usage) }
}

/// The processor time in nanoseconds.
public struct CPUUsage: Message {
    /// The total.
    public var total: UInt64 = 0
    /// The time of each processor.
    public var perProcessor: [UInt64] = []
    /// The time in the kernel.
    public var inKernel: UInt64 = 0
    /// The time in user mode.
    public var inUser: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &total)
        fields.integers(2, &perProcessor)
        fields.integer(3, &inKernel)
        fields.integer(4, &inUser)
    }
}

/// The memory usage in bytes.
public struct MemoryStats: Message {
    /// The memory of the page cache.
    public var cache: UInt64 = 0
    /// The used memory.
    public var usage: MemoryUsage?

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &cache)
        fields.message(2, &usage)
    }
}

/// One kind of memory, in bytes.
public struct MemoryUsage: Message {
    /// The current usage.
    public var usage: UInt64 = 0
    /// The maximum usage.
    public var maximum: UInt64 = 0
    /// The number of times at which the limit was reached.
    public var failures: UInt64 = 0
    /// The limit.
    public var limit: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &usage)
        fields.integer(2, &maximum)
        fields.integer(3, &failures)
        fields.integer(4, &limit)
    }
}

/// The number of processes, and its limit.
public struct PIDsStats: Message {
    /// The current number.
    public var current: UInt64 = 0
    /// The limit.
    public var limit: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &current)
        fields.integer(2, &limit)
    }
}

/// The counters of one network interface.
public struct NetworkStats: Message {
    /// The interface's name.
    public var name = ""
    /// The received bytes.
    public var receivedBytes: UInt64 = 0
    /// The received packets.
    public var receivedPackets: UInt64 = 0
    /// The sent bytes.
    public var sentBytes: UInt64 = 0
    /// The sent packets.
    public var sentPackets: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &name)
        fields.integer(2, &receivedBytes)
        fields.integer(3, &receivedPackets)
        fields.integer(6, &sentBytes)
        fields.integer(7, &sentPackets)
    }
}

/// Requests the usage of a volume.
public struct VolumeStatsRequest: Message {
    /// The volume's path in the guest, outside of containers.
    public var path = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &path) }
}

/// The usage of a volume, in bytes and in inodes.
public struct VolumeStats: Message {
    /// The usage in each unit.
    public var usage: [VolumeUsage] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &usage) }
}

/// The usage of a volume in one unit.
public struct VolumeUsage: Message {
    /// The free amount.
    public var available: UInt64 = 0
    /// The total amount.
    public var total: UInt64 = 0
    /// The used amount.
    public var used: UInt64 = 0
    /// The unit: 1 for bytes, 2 for inodes.
    public var unit: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &available)
        fields.integer(2, &total)
        fields.integer(3, &used)
        fields.integer(4, &unit)
    }
}
