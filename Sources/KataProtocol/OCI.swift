public import TTRPC

/// The parts of an OCI runtime specification that a stand-in agent acts on, or a client
/// has to give.
public struct OCISpec: Message {
    /// The version of the specification.
    public var version = ""
    /// The first process.
    public var process: OCIProcess?
    /// Where its files are.
    public var root: OCIRoot?
    /// The host's name inside.
    public var hostname = ""
    /// What is mounted inside.
    public var mounts: [OCIMount] = []
    /// What else was said about it.
    public var annotations: [String: String] = [:]
    /// What only Linux has.
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
    /// Who it runs as.
    public var user: OCIUser?
    /// The program and its arguments.
    public var arguments: [String] = []
    /// `NAME=value` each.
    public var environment: [String] = []
    /// Where it starts.
    public var workingDirectory = ""
    /// Whether it can gain privileges.
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

/// Who a process runs as.
public struct OCIUser: Message {
    /// The user's number.
    public var uid: UInt32 = 0
    /// The group's number.
    public var gid: UInt32 = 0
    /// More groups.
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

/// Where a container's files are.
public struct OCIRoot: Message {
    /// The directory that is its `/`.
    public var path = ""
    /// Whether it may not write there.
    public var readOnly = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &path)
        fields.bool(2, &readOnly)
    }
}

/// A mount inside a container.
public struct OCIMount: Message {
    /// Where, inside.
    public var destination = ""
    /// What, from outside.
    public var source = ""
    /// The file system, or `bind`.
    public var type = ""
    /// As mount(8) takes them.
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

/// What only Linux has.
public struct OCILinux: Message {
    /// The control group.
    public var cgroupsPath = ""
    /// Its namespaces.
    public var namespaces: [OCINamespace] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
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

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &type)
        fields.string(2, &path)
    }
}
