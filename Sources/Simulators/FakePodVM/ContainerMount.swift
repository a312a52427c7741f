internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// One mount of a container that the stand-in makes.
struct ContainerMount: Equatable, Sendable {
    /// What is mounted.
    enum Content: Equatable, Sendable {
        /// A file or directory of this machine.
        case bind(source: String)
        /// A file system in memory, with options as mount(8) takes them.
        case memory(options: String)
    }

    /// Where, in the container.
    let destination: String
    let content: Content
    let restrictions: Mounts.Restrictions

    /// What an OCI mount asks for; nil for what a container without isolation has of the machine: `/proc`, `/sys`,
    /// `/dev`.
    ///
    /// - Throws: a status for paths that cannot be.
    init?(_ mount: OCIMount, in tree: GuestTree) throws(Status) {
        let isBind = mount.type == "bind" || mount.options.contains { $0 == "bind" || $0 == "rbind" }
        guard isBind || mount.type == "tmpfs" && mount.destination != "/dev" else { return nil }
        _ = try GuestTree.names(of: mount.destination)
        guard mount.destination.contains(where: { $0 != "/" && $0 != "." }) else {
            throw Status(.invalidArgument, "nothing can be mounted on a container's root directory")
        }
        destination = mount.destination
        let options = MountOptions(mount.options)
        restrictions = options.restrictions
        content = isBind ? .bind(source: try tree.path(of: mount.source)) : .memory(options: options.rest)
    }
}

/// Options of a mount as mount(8) and OCI have them.
struct MountOptions: Equatable, Sendable {
    private(set) var restrictions: Mounts.Restrictions = []
    /// What is the file system's own matter.
    private(set) var rest = ""

    /// What a private copy of mounts makes no difference to.
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
