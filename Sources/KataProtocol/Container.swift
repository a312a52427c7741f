public import TTRPC

/// Makes a container, without starting it.
public struct CreateContainerRequest: Message {
    /// The container.
    public var containerID = ""
    /// Of the container's first process: the container's id.
    public var execID = ""
    /// What to mount first.
    public var storages: [Storage] = []
    /// What to run, and how.
    public var oci: OCISpec?
    /// Whether it joins the sandbox's process ids.
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
    /// The container.
    public var containerID = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &containerID) }
}

/// Ends a container and all that runs in it.
public struct RemoveContainerRequest: Message {
    /// The container.
    public var containerID = ""
    /// Seconds; 0 waits without limit.
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
    /// The container.
    public var containerID = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
    }
}

/// What a container has used so far.
public struct ContainerStats: Message {
    /// What its control group counted.
    public var cgroup: CgroupStats?
    /// What went through each interface.
    public var networks: [NetworkStats] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &cgroup)
        fields.messages(2, &networks)
    }
}

/// The part of ``ContainerStats`` that the control group counts.
public struct CgroupStats: Message {
    /// Processor time.
    public var cpu: CPUStats?
    /// Memory.
    public var memory: MemoryStats?
    /// Processes.
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

/// Processor time.
public struct CPUStats: Message {
    /// What was used.
    public var usage: CPUUsage?

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &usage) }
}

/// Processor time in nanoseconds.
public struct CPUUsage: Message {
    /// All of it.
    public var total: UInt64 = 0
    /// Of each processor.
    public var perProcessor: [UInt64] = []
    /// Spent in the kernel.
    public var inKernel: UInt64 = 0
    /// Spent outside of the kernel.
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

/// Memory in bytes.
public struct MemoryStats: Message {
    /// Held for the page cache.
    public var cache: UInt64 = 0
    /// What is used.
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
    /// Used now.
    public var usage: UInt64 = 0
    /// The most that was used.
    public var maximum: UInt64 = 0
    /// How often the limit was hit.
    public var failures: UInt64 = 0
    /// What may be used.
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

/// How many processes there are, and may be.
public struct PIDsStats: Message {
    /// How many there are.
    public var current: UInt64 = 0
    /// How many there may be.
    public var limit: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &current)
        fields.integer(2, &limit)
    }
}

/// What went through one network interface.
public struct NetworkStats: Message {
    /// The interface's name.
    public var name = ""
    /// Bytes that came in.
    public var receivedBytes: UInt64 = 0
    /// Packets that came in.
    public var receivedPackets: UInt64 = 0
    /// Bytes that went out.
    public var sentBytes: UInt64 = 0
    /// Packets that went out.
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

/// Asks how full a volume is.
public struct VolumeStatsRequest: Message {
    /// Its path in the guest, outside of containers.
    public var path = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &path) }
}

/// How full a volume is, once in bytes and once in inodes.
public struct VolumeStats: Message {
    /// One for each unit.
    public var usage: [VolumeUsage] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &usage) }
}

/// How full a volume is, in one unit.
public struct VolumeUsage: Message {
    /// What is free.
    public var available: UInt64 = 0
    /// What there is in all.
    public var total: UInt64 = 0
    /// What is taken.
    public var used: UInt64 = 0
    /// 1 bytes, 2 inodes.
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
