/// Makes a container, without starting it.
public struct CreateContainerRequest: Message {
    public var containerID = ""
    /// Of the container's first process: the container's id.
    public var execID = ""
    public var storages: [Storage] = []
    public var oci: OCISpec?
    public var sandboxPIDNamespace = false

    public init() {}

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
    public var containerID = ""

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}

/// Ends a container and all that runs in it.
public struct RemoveContainerRequest: Message {
    public var containerID = ""
    /// Seconds; 0 waits for ever.
    public var timeout: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.integer(2, &timeout)
    }
}

/// Changes what a container may use.
public struct UpdateContainerRequest: Message {
    public var containerID = ""
    public var resources: OCIResources?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.message(2, &resources)
    }
}

/// What a container has used so far.
public struct ContainerStats: Message {
    public var cgroup: CgroupStats?
    public var networks: [NetworkStats] = []

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &cgroup)
        fields.messages(2, &networks)
    }
}

/// The part of ``ContainerStats`` that the control group counts.
public struct CgroupStats: Message {
    public var cpu: CPUStats?
    public var memory: MemoryStats?
    public var pids: PIDsStats?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &cpu)
        fields.message(2, &memory)
        fields.message(3, &pids)
    }
}

/// Processor time.
public struct CPUStats: Message {
    public var usage: CPUUsage?

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &usage) }
}

/// Processor time in nanoseconds.
public struct CPUUsage: Message {
    public var total: UInt64 = 0
    public var perProcessor: [UInt64] = []
    public var inKernel: UInt64 = 0
    public var inUser: UInt64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &total)
        fields.integers(2, &perProcessor)
        fields.integer(3, &inKernel)
        fields.integer(4, &inUser)
    }
}

/// Memory in bytes.
public struct MemoryStats: Message {
    public var cache: UInt64 = 0
    public var usage: MemoryUsage?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &cache)
        fields.message(2, &usage)
    }
}

/// One kind of memory, in bytes.
public struct MemoryUsage: Message {
    public var usage: UInt64 = 0
    public var maximum: UInt64 = 0
    public var failures: UInt64 = 0
    public var limit: UInt64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &usage)
        fields.integer(2, &maximum)
        fields.integer(3, &failures)
        fields.integer(4, &limit)
    }
}

/// How many processes there are, and may be.
public struct PIDsStats: Message {
    public var current: UInt64 = 0
    public var limit: UInt64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &current)
        fields.integer(2, &limit)
    }
}

/// What went through one network interface.
public struct NetworkStats: Message {
    public var name = ""
    public var receivedBytes: UInt64 = 0
    public var receivedPackets: UInt64 = 0
    public var sentBytes: UInt64 = 0
    public var sentPackets: UInt64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &name)
        fields.integer(2, &receivedBytes)
        fields.integer(3, &receivedPackets)
        fields.integer(6, &sentBytes)
        fields.integer(7, &sentPackets)
    }
}

/// Asks how full a volume is.
public struct VolumeStatsRequest: Message {
    /// Its path in the guest, outside of containers.
    public var path = ""

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &path) }
}

/// How full a volume is, once in bytes and once in inodes.
public struct VolumeStats: Message {
    public var usage: [VolumeUsage] = []

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &usage) }
}

/// How full a volume is, in one unit.
public struct VolumeUsage: Message {
    public var available: UInt64 = 0
    public var total: UInt64 = 0
    public var used: UInt64 = 0
    /// 1 bytes, 2 inodes.
    public var unit: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &available)
        fields.integer(2, &total)
        fields.integer(3, &used)
        fields.integer(4, &unit)
    }
}
