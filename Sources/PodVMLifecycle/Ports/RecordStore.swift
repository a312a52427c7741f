/// Where sandboxes' records and directories live: the pods directory in the daemon, memory in tests.
package protocol RecordStore: Sendable {
    /// The path of a sandbox's directory, which need not exist.
    func directory(of sandbox: SandboxID) -> String

    /// Creates a sandbox's directory (0700) with its first record, which survives the end of this process. If it fails,
    /// nothing is left.
    func create(_ record: SandboxRecord) async throws(RecordError)

    /// Replaces a sandbox's record; returns once it survives that event.
    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError)

    /// Removes a sandbox's directory and all that is in it. Does nothing when there is no directory.
    func remove(_ sandbox: SandboxID) async throws(RecordError)

    /// The records that an earlier process left. Removes directories that it left without a record.
    func load() async throws(RecordError) -> LoadedRecords
}

/// What a record has to survive.
///
/// Whatever a write has to survive, a reader finds the old record or the new one, never half of one.
package enum SurvivedEvent: Hashable, Sendable {
    /// The end of this process. There is no VM, so a power cut ends the pod completely.
    case processEnd
    /// A power cut.
    case powerCut
    /// A power cut, for the first time: the sandbox's directory, and all that is in it, has to survive it as well.
    case firstPowerCut
}

/// What was found in the pods directory.
package struct LoadedRecords: Sendable {
    /// What could be read.
    package var records: [SandboxRecord] = []
    /// What could not be read, by sandbox, and why. It is left in place: a VM may belong to it, and another version of
    /// this program may be able to read it.
    package var unreadable: [SandboxID: String] = [:]
    /// How many directories of a Go cloud-api-adaptor there are. They are left in place: their VMs belong to that adaptor.
    package var goDirectories = 0

    package init(records: [SandboxRecord] = [], unreadable: [SandboxID: String] = [:]) {
        self.records = records
        self.unreadable = unreadable
    }
}

/// Why a record could not be written or read.
package struct RecordError: Error, Equatable, CustomStringConvertible {
    /// Whether the reason is a lack of space, quota or inodes, and not of permission or a working disk.
    package let isOutOfSpace: Bool
    /// What failed, on which file, and why.
    package let description: String

    package init(_ description: String, isOutOfSpace: Bool = false) {
        self.isOutOfSpace = isOutOfSpace
        self.description = description
    }
}
