/// The store of the sandboxes' records and directories: the pods directory in the daemon, memory in tests.
package protocol RecordStore: Sendable {
    /// The path of a sandbox's directory, which need not exist.
    func directory(of sandbox: SandboxID) -> String

    /// Creates a sandbox's directory (0700) with its first record, which survives the end of this process. If it fails,
    /// it leaves nothing.
    func create(_ record: SandboxRecord) async throws(RecordError)

    /// Replaces a sandbox's record. Returns once the record survives `event`.
    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError)

    /// Removes a sandbox's directory and its contents. Does nothing when there is no directory. The removal survives a
    /// power cut.
    func remove(_ sandbox: SandboxID) async throws(RecordError)

    /// Marks a sandbox whose record cannot be used as stopped. The mark survives a power cut. Does nothing when the
    /// sandbox has no directory.
    func markStopped(_ sandbox: SandboxID) async throws(RecordError)

    /// Reads the records of an earlier process. Removes directories that have no content. What an earlier process has
    /// removed stays removed after a power cut.
    func load() async throws(RecordError) -> LoadedRecords
}

/// An event that a record has to survive.
///
/// After every event, a reader finds the old record or the new one, never a part of one.
package enum SurvivedEvent: Hashable, Sendable {
    /// The end of this process. There is no VM, so a power cut ends the pod completely.
    case processEnd
    /// A power cut.
    case powerCut
    /// A power cut, for the first time: the sandbox's directory and its contents have to survive it as well.
    case firstPowerCut
}

/// The contents of the pods directory.
package struct LoadedRecords: Sendable {
    /// The records that could be read.
    package var records: [SandboxRecord] = []
    /// The sandboxes whose records could not be read, and why. The records are left in place: a VM may belong to each,
    /// and another version of this program may be able to read them.
    package var unreadable: [SandboxID: String] = [:]
    /// Those of ``unreadable`` whose record is empty or cut off: a power cut came before it was synced.
    package var unsynced: Set<SandboxID> = []
    /// The sandboxes that have a ``StopMark``.
    package var stopped: Set<SandboxID> = []
    /// The sandboxes whose records can be read, and must not be continued.
    var misplaced: [SandboxID: Misplaced] = [:]
    /// The number of directories of a Go cloud-api-adaptor. They are left in place: their VMs belong to that adaptor.
    package var goDirectories = 0

    /// A record that belongs to another node, or to a VM that another record has too.
    struct Misplaced {
        let record: SandboxRecord
        let reason: String
    }

    /// The records that can be read, and why each of the others cannot.
    package init(records: [SandboxRecord] = [], unreadable: [SandboxID: String] = [:]) {
        self.records = records
        self.unreadable = unreadable
    }
}

/// Why a record could not be written or read.
package struct RecordError: Error, Equatable, CustomStringConvertible {
    /// Whether the reason is a lack of space, quota or inodes, as opposed to a permission or a disk fault.
    package let isOutOfSpace: Bool
    /// What failed, on which file, and why.
    package let description: String

    /// `description` says what failed, on which file, and why.
    package init(_ description: String, isOutOfSpace: Bool = false) {
        self.isOutOfSpace = isOutOfSpace
        self.description = description
    }
}
