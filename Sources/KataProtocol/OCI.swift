public import TTRPC

/// The parts of an OCI runtime specification that a simulated agent uses, or that a client must set.
public struct OCISpec: Message {
    /// The version of the specification.
    public var version = ""
    /// The first process.
    public var process: OCIProcess?
    /// The container's root file system.
    public var root: OCIRoot?
    /// The host name in the container.
    public var hostname = ""
    /// The mounts in the container.
    public var mounts: [OCIMount] = []
    /// The annotations of the container.
    public var annotations: [String: String] = [:]
    /// The settings for Linux only.
    public var linux: OCILinux?

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// Whether it has a terminal.
    public var terminal = false
    /// The user of the process.
    public var user: OCIUser?
    /// The program and its arguments.
    public var arguments: [String] = []
    /// The environment, each entry as `NAME=value`.
    public var environment: [String] = []
    /// The working directory.
    public var workingDirectory = ""
    /// Whether the process cannot gain privileges.
    public var noNewPrivileges = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &terminal)
        fields.message(3, &user)
        fields.strings(4, &arguments)
        fields.strings(5, &environment)
        fields.string(6, &workingDirectory)
        fields.bool(9, &noNewPrivileges)
    }
}

/// The user of a process.
public struct OCIUser: Message {
    /// The user's number.
    public var uid: UInt32 = 0
    /// The group's number.
    public var gid: UInt32 = 0
    /// The numbers of further groups.
    public var additionalGIDs: [UInt32] = []
    /// The user's name.
    public var name = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &uid)
        fields.integer(2, &gid)
        fields.integers(3, &additionalGIDs)
        fields.string(4, &name)
    }
}

/// A container's root file system.
public struct OCIRoot: Message {
    /// The directory that the container has as `/`.
    public var path = ""
    /// Whether the container cannot write to it.
    public var readOnly = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &path)
        fields.bool(2, &readOnly)
    }
}

/// A mount in a container.
public struct OCIMount: Message {
    /// The path in the container.
    public var destination = ""
    /// The source outside of the container.
    public var source = ""
    /// The file system's type, or `bind`.
    public var type = ""
    /// The mount options of mount(8).
    public var options: [String] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &destination)
        fields.string(2, &source)
        fields.string(3, &type)
        fields.strings(4, &options)
    }
}

/// The settings for Linux only.
public struct OCILinux: Message {
    /// The control group.
    public var cgroupsPath = ""
    /// The namespaces.
    public var namespaces: [OCINamespace] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(5, &cgroupsPath)
        fields.messages(6, &namespaces)
    }
}

/// A new namespace of a container, or a namespace that it joins.
public struct OCINamespace: Message {
    /// The kind, such as `network`, `pid` or `mount`.
    public var type = ""
    /// The path of the namespace to join; empty makes a new namespace.
    public var path = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &type)
        fields.string(2, &path)
    }
}
