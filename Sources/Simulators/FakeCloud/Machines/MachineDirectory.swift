package import LinuxIO

/// The directory of a fake VM: its description, and everything that it writes.
///
///     machine.json    its description; contains the URL of a metadata service that serves keys
///     power           locked while any of its processes lives
///     pid             of its first process            status         as its guest reports it
///     timeline.json   the times of its boot steps     console.log    the output of its programs
///     run/            the guest's own files: sockets, /run/peerpod, copied files, volumes
///
/// A virtual machine also has the disk `disk.qcow2` over the image, `vars.fd` of its firmware, `tpm/`, and `serial.log`.
package struct MachineDirectory: Hashable, Sendable {
    /// The path of the directory.
    package let path: String

    /// The directory at `path`, which need not exist.
    package init(_ path: String) { self.path = path }

    /// The path of the VM's description.
    package var record: String { path + "/machine.json" }
    /// The path of the file that is locked while the VM lives.
    package var power: String { path + "/power" }
    /// The path of the file with the number of the first process.
    package var processNumber: String { path + "/pid" }
    /// The path of the file with the guest's status: see ``GuestStatus``.
    package var status: String { path + "/status" }
    /// The path of the file with the times of the boot steps.
    package var timeline: String { path + "/timeline.json" }
    /// The path of the file with the programs' output.
    package var console: String { path + "/console.log" }
    /// The path of the file with the end of a virtual machine's serial console; see ``SerialConsole``.
    package var serialLog: String { path + "/serial.log" }
    /// The path of the directory with the guest's own files.
    package var guest: String { path + "/run" }

    /// The descriptor number under which every process of the VM has its `power` file open.
    ///
    /// The fake finds the processes of a VM by this descriptor, also when their parents have ended. The number is high, so
    /// that a shell script does not use it for a redirection.
    package static let powerDescriptor: Int32 = 200

    /// The largest file that is read back.
    package static let sizeLimit = 1 << 20

    /// The VM's description; nil when its creation was not finished, or when it was removed.
    package var machine: MachineRecord? {
        guard let bytes = try? DurableFile.read(record, limit: MachineDirectory.sizeLimit) else { return nil }
        return try? MachineRecord(parsing: bytes)
    }

    /// The last status that the guest reported.
    package var guestStatus: GuestStatus? {
        guard let bytes = try? DurableFile.read(status, limit: MachineDirectory.sizeLimit) else { return nil }
        return GuestStatus(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// Replaces a small file in one step. Nothing is synced, because a power failure ends every fake VM.
    package func replace(_ file: String, with text: String) throws(SystemCallError) {
        let partial = file + ".new"
        try Files.removeTree(partial)
        try Files.write(text.utf8, to: partial, at: 0)
        try Files.move(partial, to: file)
    }
}

/// The status that the guest of a fake VM reports.
package enum GuestStatus: Equatable, Sendable, CustomStringConvertible {
    case booting
    /// Provisioned: the cloud reports success.
    case running
    case failed(String)

    /// Nil unless `text` is the description of a status.
    package init?(parsing text: String) {
        switch text {
        case "booting": self = .booting
        case "running": self = .running
        case _ where text.hasPrefix("failed: "): self = .failed(String(text.dropFirst("failed: ".count)))
        default: return nil
        }
    }

    /// The text of the status file; the reverse of ``init(parsing:)``.
    package var description: String {
        switch self {
        case .booting: "booting"
        case .running: "running"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}
