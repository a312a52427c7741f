internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// A volume that the guest creates: an `emptyDir`, or the sandbox's shared memory.
struct Volume: Sendable {
    enum Kind: Sendable {
        /// A file system in memory (`ephemeral`).
        case memory
        /// A directory (`local`).
        case directory

        /// The kind for a storage's driver; nil for other drivers.
        init?(_ storage: Storage) {
            switch storage.driver {
            case "ephemeral" where storage.filesystem == "tmpfs": self = .memory
            case "local": self = .directory
            default: return nil
            }
        }
    }

    let kind: Kind
    /// The path components below the ``GuestRunDirectory``.
    let names: [String]
    /// The mount options of a file system.
    let options: MountOptions
    /// The permission bits; nil if the shim sets none.
    private let mode: UInt32?
    /// The pod's `fsGroup`: the group of the volume and of all files that are created in it.
    private let group: UInt32?

    /// - Throws: a status for an invalid mode or group.
    init(_ kind: Kind, _ options: [String], _ names: [String]) throws(Status) {
        let modeKey = "mode=", groupKey = "fsgid="
        self.kind = kind
        self.names = names
        // A file system gets its mode from the mount, and does not support fsGroup.
        self.options = MountOptions(options.filter { !$0.hasPrefix(groupKey) })
        var (mode, group) = (UInt32?.none, UInt32?.none)
        for option in options {
            if option.hasPrefix(modeKey) {
                mode = UInt32(option.dropFirst(modeKey.count), radix: 8)
                if mode.map({ $0 > 0o7777 }) ?? true { throw Volume.refused(option) }
            } else if option.hasPrefix(groupKey) {
                group = UInt32(option.dropFirst(groupKey.count))
                if group == nil { throw Volume.refused(option) }
            }
        }
        self.mode = mode
        self.group = group
    }

    /// Sets the mode and group that the shim requests for the volume at `path`.
    func prepare(_ path: String) throws(SystemCallError) {
        let place = try Directory.at(path)
        // The default of a file system in memory.
        let mode = mode ?? 0o1777
        if let group, ProcessTree.isRoot { try place.setOwner(nil, group, of: ".") }
        try place.setMode(GuestRunDirectory.directoryMode(group == nil ? mode : mode | 0o2000), of: ".")
    }

    private static func refused(_ option: String) -> Status {
        Status(.invalidArgument, "\"\(option)\" is not an option of a volume")
    }
}
