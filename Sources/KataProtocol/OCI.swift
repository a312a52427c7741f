/// The parts of an OCI runtime specification that a stand-in agent acts on, or a client
/// has to give.
public struct OCISpec: Message {
    public var version = ""
    public var process: OCIProcess?
    public var root: OCIRoot?
    public var hostname = ""
    public var mounts: [OCIMount] = []
    public var annotations: [String: String] = [:]
    public var linux: OCILinux?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &version)
        fields.message(2, &process)
        fields.message(3, &root)
        fields.string(4, &hostname)
        fields.messages(5, &mounts)
        fields.map(7, &annotations)
        fields.message(8, &linux)
    }
}

/// A process to run.
public struct OCIProcess: Message {
    public var terminal = false
    public var consoleSize: OCIBox?
    public var user: OCIUser?
    /// The program and its arguments.
    public var arguments: [String] = []
    /// `NAME=value` each.
    public var environment: [String] = []
    public var workingDirectory = ""
    public var noNewPrivileges = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &terminal)
        fields.message(2, &consoleSize)
        fields.message(3, &user)
        fields.strings(4, &arguments)
        fields.strings(5, &environment)
        fields.string(6, &workingDirectory)
        fields.bool(9, &noNewPrivileges)
    }
}

/// A terminal's size in characters.
public struct OCIBox: Message {
    public var height: UInt32 = 0
    public var width: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &height)
        fields.integer(2, &width)
    }
}

/// Who a process runs as.
public struct OCIUser: Message {
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    public var additionalGIDs: [UInt32] = []
    public var name = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &uid)
        fields.integer(2, &gid)
        fields.integers(3, &additionalGIDs)
        fields.string(4, &name)
    }
}

/// Where a container's files are.
public struct OCIRoot: Message {
    public var path = ""
    public var readOnly = false

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &path)
        fields.bool(2, &readOnly)
    }
}

/// A mount inside a container.
public struct OCIMount: Message {
    public var destination = ""
    public var source = ""
    public var type = ""
    public var options: [String] = []

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &destination)
        fields.string(2, &source)
        fields.string(3, &type)
        fields.strings(4, &options)
    }
}

/// What only Linux has.
public struct OCILinux: Message {
    public var resources: OCIResources?
    public var cgroupsPath = ""
    public var namespaces: [OCINamespace] = []

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(4, &resources)
        fields.string(5, &cgroupsPath)
        fields.messages(6, &namespaces)
    }
}

/// A namespace that a container has of its own, or joins.
public struct OCINamespace: Message {
    /// `network`, `pid`, `mount`, …
    public var type = ""
    /// What to join; empty makes a new one.
    public var path = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &type)
        fields.string(2, &path)
    }
}

/// What a container may use.
public struct OCIResources: Message {
    public var memory: OCIMemory?
    public var cpu: OCICPU?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(2, &memory)
        fields.message(3, &cpu)
    }
}

/// Limits on memory, in bytes.
public struct OCIMemory: Message {
    public var limit: Int64 = 0
    public var reservation: Int64 = 0
    public var swap: Int64 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &limit)
        fields.integer(2, &reservation)
        fields.integer(3, &swap)
    }
}

/// Limits on processor time.
public struct OCICPU: Message {
    public var shares: UInt64 = 0
    /// Microseconds of each ``period``.
    public var quota: Int64 = 0
    /// Microseconds.
    public var period: UInt64 = 0
    public var processors = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &shares)
        fields.integer(2, &quota)
        fields.integer(3, &period)
        fields.string(6, &processors)
    }
}
