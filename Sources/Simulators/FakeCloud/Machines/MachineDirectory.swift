package import LinuxIO

/// The directory that a fake VM is: all that is known of it, and all it writes.
///
///     machine.json    what it is; it names a metadata service that has keys
///     power           locked for as long as any of its processes lives
///     pid             of its first process            status         what its guest says of itself
///     timeline.json   when it did what                console.log    what its programs said
///     run/            the guest's own files: sockets, /run/peerpod, copied files, volumes
package struct MachineDirectory: Hashable, Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package var record: String { path + "/machine.json" }
    package var power: String { path + "/power" }
    package var processNumber: String { path + "/pid" }
    package var status: String { path + "/status" }
    package var timeline: String { path + "/timeline.json" }
    package var console: String { path + "/console.log" }
    package var guest: String { path + "/run" }

    /// The number under which every process of the VM has its `power` file open.
    ///
    /// It is how they are found and told from others', whoever their parents are by then. High,
    /// so that it is not in the way of a shell script's own redirections.
    package static let powerDescriptor: Int32 = 200

    /// The largest file we read back.
    package static let sizeLimit = 1 << 20

    /// What the VM is; nil when it was never finished, or is gone.
    package var machine: MachineRecord? {
        guard let bytes = try? DurableFile.read(record, limit: MachineDirectory.sizeLimit) else { return nil }
        return try? MachineRecord(parsing: bytes)
    }

    /// What the guest last said of itself.
    package var guestStatus: GuestStatus? {
        guard let bytes = try? DurableFile.read(status, limit: MachineDirectory.sizeLimit) else { return nil }
        return GuestStatus(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// Replaces a small file in one step; a power cut ends every fake VM, so nothing is synced.
    package func replace(_ file: String, with text: String) throws(SystemCallError) {
        let partial = file + ".new"
        try Files.removeTree(partial)
        try Files.write(text.utf8, to: partial, at: 0)
        try Files.move(partial, to: file)
    }
}

/// What a fake VM's guest says of itself.
package enum GuestStatus: Equatable, Sendable, CustomStringConvertible {
    case booting
    /// Provisioned: the cloud calls it done.
    case running
    case failed(String)

    package init?(parsing text: String) {
        switch text {
        case "booting": self = .booting
        case "running": self = .running
        case _ where text.hasPrefix("failed: "): self = .failed(String(text.dropFirst("failed: ".count)))
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .booting: "booting"
        case .running: "running"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}
