internal import KataProtocol
internal import LinuxIO
internal import MachineIsolation
internal import TTRPC

/// A mount of a container.
struct ContainerMount: Equatable, Sendable {
    /// The source of the mount.
    enum Content: Equatable, Sendable {
        /// A file or directory of this machine.
        case bind(source: String)
        /// A file system in memory, with options as mount(8) takes them.
        case memory(options: String)
    }

    /// The path in the container.
    let destination: String
    let content: Content
    let restrictions: Mounts.Restrictions

    /// The mount for an OCI mount; nil for `/proc`, `/sys` and `/dev`, which a container without isolation shares
    /// with the machine.
    ///
    /// - Throws: a status for invalid paths.
    init?(_ mount: OCIMount, in tree: GuestRunDirectory) throws(Status) {
        let isBind = mount.type == "bind" || mount.options.contains { $0 == "bind" || $0 == "rbind" }
        guard isBind || mount.type == "tmpfs" && mount.destination != "/dev" else { return nil }
        _ = try GuestRunDirectory.names(of: mount.destination)
        guard mount.destination.contains(where: { $0 != "/" && $0 != "." }) else {
            throw Status(.invalidArgument, "nothing can be mounted on a container's root directory")
        }
        destination = mount.destination
        let options = MountOptions(mount.options)
        restrictions = options.restrictions
        content = isBind ? .bind(source: try tree.path(of: mount.source)) : .memory(options: options.rest)
    }
}

/// Mount options as in mount(8) and OCI.
struct MountOptions: Equatable, Sendable {
    private(set) var restrictions: Mounts.Restrictions = []
    /// Options that are passed to the file system.
    private(set) var rest = ""

    /// Options without effect in a private copy of mounts.
    private static let ignored: Set<String> = [
        "rw", "suid", "dev", "exec", "async", "defaults", "bind", "rbind", "private", "rprivate", "slave", "rslave",
        "shared", "rshared", "unbindable", "runbindable", "relatime", "norelatime", "strictatime", "noatime",
        "nodiratime", "atime", "diratime",
    ]

    init(_ options: [String]) {
        var own: [String] = []
        for option in options {
            switch option {
            case "ro": restrictions.insert(.readOnly)
            case "nosuid": restrictions.insert(.noSetUID)
            case "nodev": restrictions.insert(.noDevices)
            case "noexec": restrictions.insert(.noPrograms)
            case _ where MountOptions.ignored.contains(option): break
            default: own.append(option)
            }
        }
        rest = own.joined(separator: ",")
    }
}
