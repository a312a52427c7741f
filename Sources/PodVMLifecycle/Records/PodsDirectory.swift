internal import Glibc
internal import LinuxIO

/// The pods directory on disk: one directory for each sandbox, with the sandbox's record in it.
///
/// The record is created first and removed last, so a directory that is not empty always identifies its sandbox. Other
/// directories are left alone: a mistyped `-pods-dir` destroys no files.
struct PodsDirectory: RecordStore {
    static let recordName = "record.json"
    /// The file that identifies a sandbox's directory of the Go adaptor. That adaptor writes the VM's boot document to
    /// it.
    private static let goFile = "apf.json"

    let path: String
    /// Opened at the first use, and kept open: sandboxes' directories are opened relative to it, never by path.
    private let opened = Lock<Directory?>(nil)

    init(path: String) { self.path = path }

    func directory(of sandbox: SandboxID) -> String { "\(path)/\(sandbox)" }

    private func pods() throws(FileError) -> Directory {
        try opened.withLock { opened throws(FileError) in
            // A directory that was removed is created again.
            if let directory = opened, !directory.isRemoved { return directory }
            let directory = try Directory.own(path, makingWith: 0o700)
            opened = directory
            return directory
        }
    }

    func create(_ record: SandboxRecord) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try createNow(record) }
    }

    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try writeNow(record, toSurvive: event) }
    }

    func remove(_ sandbox: SandboxID) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try removeNow(sandbox) }
    }

    func markStopped(_ sandbox: SandboxID) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in
            do {
                let pods = try pods()
                guard try pods.kind(of: sandbox.rawValue) != nil else { return }
                try pods.own(sandbox.rawValue).write([], to: StopMark.name, syncs: true)
            } catch {
                throw RecordError(error)
            }
        }
    }

    func load() async throws(RecordError) -> LoadedRecords {
        try await ThreadPool.files.run { () throws(RecordError) in try loadNow() }
    }

    private func createNow(_ record: SandboxRecord) throws(RecordError) {
        let name = record.id.rawValue
        let pods: Directory
        do {
            pods = try self.pods()
            try pods.makeDirectory(name)
            guard try pods.own(name).names().isEmpty else {
                throw SystemCallError(call: "mkdirat", errno: ENOTEMPTY, subject: directory(of: record.id))
            }
        } catch {
            throw RecordError(error)
        }
        do {
            try writeNow(record, toSurvive: .processEnd)
        } catch {
            try? pods.removeTree(name)
            throw error
        }
    }

    private func writeNow(_ record: SandboxRecord, toSurvive event: SurvivedEvent) throws(RecordError) {
        do {
            let pods = try pods()
            let directory = try pods.own(record.id.rawValue)
            try directory.write(record.encoded, to: Self.recordName, syncs: event == .powerCut)
            guard event == .firstPowerCut else { return }
            // Sync all files at once: before this record, a power cut ends the pod in any case.
            try directory.syncAll()
            try pods.sync()
        } catch {
            throw RecordError(error)
        }
    }

    /// Removes and syncs: where a full disk has refused the record of a stop, a directory that reappears after a power
    /// cut would say that the sandbox runs.
    private func removeNow(_ sandbox: SandboxID) throws(RecordError) {
        do {
            let pods = try pods()
            try pods.removeTree(sandbox.rawValue, last: Self.recordName)
            try pods.sync()
        } catch {
            throw RecordError(error)
        }
    }

    private func loadNow() throws(RecordError) -> LoadedRecords {
        var loaded = LoadedRecords()
        let pods: Directory
        let names: [String]
        do {
            pods = try self.pods()
            names = try pods.names()
            // An earlier process may have been killed between a removal and its sync. A disk that cannot write is no
            // reason not to read it.
            try? pods.sync()
        } catch {
            throw RecordError(error)
        }
        for name in names {
            guard let sandbox = try? SandboxID(validating: name) else { continue }
            do {
                guard let kind = try pods.kind(of: name), kind == .directory || kind == .link else { continue }
                try load(sandbox, from: pods.own(name), into: &loaded)
            } catch {
                loaded.unreadable[sandbox] = "\(error)"
            }
        }
        return loaded
    }

    /// Reads the contents of a sandbox's directory. Removes a directory without content.
    private func load(_ sandbox: SandboxID, from directory: Directory, into loaded: inout LoadedRecords) throws {
        let hasRecord = try directory.kind(of: Self.recordName) != nil
        if !hasRecord, try directory.kind(of: Self.goFile) != nil {
            loaded.goDirectories += 1
            return
        }
        if !hasRecord {
            // A crash during the first write leaves only the temporary file, and a gateway may mark such a sandbox.
            let marks = ["\(Self.recordName).new", StopMark.name]
            if try directory.names().allSatisfy(marks.contains) { return try removeNow(sandbox) }
        }
        if try StopMark.exists(in: directory) { loaded.stopped.insert(sandbox) }
        guard hasRecord else { throw RecordError("\(directory.path) has no \(Self.recordName)") }
        let bytes = try directory.read(Self.recordName, limit: SandboxRecord.sizeLimit)
        if SandboxRecord.isUnsynced(bytes) { loaded.unsynced.insert(sandbox) }
        do throws(RecordError) {
            loaded.records.append(try SandboxRecord(parsing: bytes, of: sandbox))
        } catch {
            throw RecordError("\(directory.path)/\(Self.recordName): \(error)")
        }
    }
}

extension RecordError {
    fileprivate init(_ error: any Error) {
        let cause = if case .refused(let cause)? = error as? FileError { cause } else { error as? SystemCallError }
        self.init("\(error)", isOutOfSpace: cause?.isOutOfSpace ?? false)
    }
}
