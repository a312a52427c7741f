/// Where sandboxes' records and directories live: the pods directory in the daemon, memory in tests.
package protocol RecordStore: Sendable {
    /// The directory of a sandbox, there or not.
    func directory(of sandbox: SandboxID) -> String

    /// Makes a sandbox's directory, empty and 0700. What an earlier attempt without a record left there is removed.
    func makeDirectory(of sandbox: SandboxID) throws(RecordError)

    /// Returns once the record would survive a power cut.
    func write(_ record: SandboxRecord) throws(RecordError)

    /// Removes a sandbox's directory and all that is in it. What is not there is removed already.
    func remove(_ sandbox: SandboxID) throws(RecordError)

    /// All that an earlier process left, after what it left half-made was removed.
    func load() throws(RecordError) -> LoadedRecords
}

/// What was found in the pods directory.
package struct LoadedRecords: Sendable {
    /// What could be read.
    package var records: [SandboxRecord] = []
    /// What could not be read, by sandbox, and why. It stays where it is: a VM may hang on it, and another version of
    /// this program may be able to read it.
    package var unreadable: [SandboxID: String] = [:]

    package init(records: [SandboxRecord] = [], unreadable: [SandboxID: String] = [:]) {
        self.records = records
        self.unreadable = unreadable
    }
}

/// Why the pods directory did not take or give a record.
package struct RecordError: Error, Equatable, CustomStringConvertible {
    /// Whether it is for want of room (space, quota, inodes), and not of permission or a working disk.
    package let isForWantOfRoom: Bool
    /// What failed, on which file, and why.
    package let description: String

    package init(_ description: String, isForWantOfRoom: Bool = false) {
        self.isForWantOfRoom = isForWantOfRoom
        self.description = description
    }
}
