internal import Glibc
internal import LinuxIO

/// The pods directory on disk: a directory for each sandbox, with its record in it.
///
/// The record is the first file to come and the last to go, so a directory with more than nothing in it always says
/// whose it is. One that does not is not ours, and is left alone: nobody's files are lost to a mistyped `-pods-dir`.
struct PodsDirectory: RecordStore {
    static let recordName = "record.json"

    let path: String

    func directory(of sandbox: SandboxID) -> String { "\(path)/\(sandbox)" }

    private func record(of sandbox: SandboxID) -> String { "\(directory(of: sandbox))/\(Self.recordName)" }

    func create(_ record: SandboxRecord) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try createNow(record) }
    }

    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try writeNow(record, toSurvive: event) }
    }

    func remove(_ sandbox: SandboxID) async throws(RecordError) {
        try await ThreadPool.files.run { () throws(RecordError) in try removeNow(sandbox) }
    }

    func load() async throws(RecordError) -> LoadedRecords {
        try await ThreadPool.files.run { () throws(RecordError) in try loadNow() }
    }

    private func createNow(_ record: SandboxRecord) throws(RecordError) {
        let directory = directory(of: record.id)
        do throws(SystemCallError) {
            try Files.makeDirectories(path)
            try Files.makeDirectory(directory, isDurable: false)
            guard try Files.list(directory).isEmpty else {
                throw SystemCallError(call: "mkdir", errno: ENOTEMPTY, subject: directory)
            }
        } catch {
            throw RecordError(error)
        }
        do {
            try writeNow(record, toSurvive: .processEnd)
        } catch {
            try? removeNow(record.id)
            throw error
        }
    }

    private func writeNow(_ record: SandboxRecord, toSurvive event: SurvivedEvent) throws(RecordError) {
        let path = self.record(of: record.id)
        do throws(SystemCallError) {
            switch event {
            case .processEnd:
                try DurableFile.writeUnsynced(record.encoded, to: path)
            case .powerCut:
                try DurableFile.write(record.encoded, to: path)
            case .firstPowerCut:
                // Synced once, with all the rest: what a power cut took of the record before would not be missed.
                try DurableFile.writeUnsynced(record.encoded, to: path)
                try DurableFile.syncTree(directory(of: record.id))
            }
        } catch {
            throw RecordError(error)
        }
    }

    private func removeNow(_ sandbox: SandboxID) throws(RecordError) {
        let directory = directory(of: sandbox)
        do throws(SystemCallError) {
            guard Files.exists(directory) else { return }
            for name in try Files.list(directory) where name != Self.recordName {
                try Files.removeTree("\(directory)/\(name)")
            }
            // Not synced: what comes back after a power cut says, in its record, that it is to be removed.
            try Files.removeTree(directory)
        } catch {
            throw RecordError(error)
        }
    }

    private func loadNow() throws(RecordError) -> LoadedRecords {
        var loaded = LoadedRecords()
        let names: [String]
        do throws(SystemCallError) {
            try Files.makeDirectories(path)
            names = try Files.list(path)
        } catch {
            throw RecordError(error)
        }
        for name in names {
            guard let sandbox = try? SandboxID(validating: name), Files.isDirectory("\(path)/\(name)") else { continue }
            do throws(RecordError) {
                if let record = try load(sandbox) { loaded.records.append(record) }
            } catch {
                loaded.unreadable[sandbox] = error.description
            }
        }
        return loaded
    }

    /// The sandbox's record, or nil for a directory that had nothing in it yet, or any more, and is removed.
    private func load(_ sandbox: SandboxID) throws(RecordError) -> SandboxRecord? {
        let path = record(of: sandbox)
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(path, limit: SandboxRecord.sizeLimit)
        } catch  where error.isMissing {
            try removeEmpty(directory(of: sandbox))
            return nil
        } catch {
            throw RecordError("\(error)")
        }
        // A record that was never synced, and then a power cut: there is no VM.
        if bytes.allSatisfy({ $0 == 0 }) {
            try removeNow(sandbox)
            return nil
        }
        do {
            let record = try SandboxRecord(parsing: bytes)
            guard record.id == sandbox else { throw RecordError("sandbox: is not that of its directory") }
            return record
        } catch {
            throw RecordError("\(path): \(error)")
        }
    }

    private func removeEmpty(_ directory: String) throws(RecordError) {
        do throws(SystemCallError) {
            // A crash in the middle of the first write leaves the temporary file, and nothing else.
            guard try Files.list(directory).allSatisfy({ $0 == "\(Self.recordName).new" }) else {
                throw SystemCallError(call: "open", errno: ENOENT, subject: "\(directory)/\(Self.recordName)")
            }
            try Files.removeTree(directory)
        } catch {
            throw RecordError(error)
        }
    }
}

extension RecordError {
    fileprivate init(_ error: SystemCallError) {
        self.init(error.description, isForWantOfRoom: [ENOSPC, EDQUOT, ENOMEM].contains(error.errno))
    }
}
