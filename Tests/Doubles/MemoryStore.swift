package import LinuxIO
package import PodVMLifecycle

/// A pods directory in memory, of which a test can make a full or a write-protected disk.
package final class MemoryStore: RecordStore {
    /// What is wrong with the disk.
    package enum Fault: Sendable {
        case full
        case readOnly

        fileprivate func error(on subject: String) -> RecordError {
            switch self {
            case .full: RecordError("write(\(subject)): No space left on device [errno 28]", isOutOfSpace: true)
            case .readOnly: RecordError("open(\(subject)): Read-only file system [errno 30]")
            }
        }
    }

    private struct State {
        var records: [SandboxID: [UInt8]?] = [:]
        /// What a power cut would leave of them.
        var synced: [SandboxID: [UInt8]] = [:]
        var marks: Set<SandboxID> = []
        var writes: [String] = []
        var fault: Fault?
        var writesUntilFault = 0
        var gates: [Event?] = []

        mutating func write(
            _ record: SandboxRecord, in directory: String, toSurvive event: SurvivedEvent
        ) throws(RecordError) {
            if let fault {
                guard writesUntilFault > 0 else { throw fault.error(on: directory) }
                writesUntilFault -= 1
            }
            records[record.id] = .some(record.encoded)
            switch event {
            case .processEnd: break
            case .firstPowerCut: synced[record.id] = record.encoded
            case .powerCut:
                precondition(synced[record.id] != nil, "the sandbox's directory was never synced")
                synced[record.id] = record.encoded
            }
            writes.append(record.state.name)
        }
    }

    /// What is counted: operations that have begun, held or not.
    package enum Operation: Hashable, Sendable { case began }

    private let state = Lock(State())
    package let operations = CallCounter<Operation>()

    package init() {}

    /// The sandboxes that have a directory.
    package var directories: Set<SandboxID> { state.withLock { Set($0.records.keys) } }
    /// The states that were written, in order.
    package var writes: [String] { state.withLock { $0.writes } }

    /// Makes writes fail with `fault` after `writes` more have succeeded; nil lets all writes succeed again.
    package func fail(with fault: Fault?, after writes: Int = 0) {
        state.withLock { state in
            state.fault = fault
            state.writesUntilFault = writes
        }
    }

    /// Has one of the next operations wait for `signal` before it does anything: the next, or the one after `passing` more.
    package func hold(until signal: Event, passing: Int = 0) {
        state.withLock { $0.gates = Array(repeating: nil, count: passing) + [signal] }
    }

    /// What is left after a power cut.
    package func afterPowerCut() -> MemoryStore {
        let store = MemoryStore()
        for (id, bytes) in state.withLock({ $0.synced }) { store.put(bytes, for: id) }
        store.state.withLock { [marks = state.withLock { $0.marks }] in $0.marks = marks }
        return store
    }

    /// Puts bytes where a record should be.
    package func put(_ bytes: [UInt8], for sandbox: SandboxID) {
        state.withLock { state in
            state.records[sandbox] = .some(bytes)
            state.synced[sandbox] = bytes
        }
    }

    /// Puts a stop mark into a sandbox's directory, as a gateway does.
    package func mark(_ sandbox: SandboxID) { state.withLock { _ = $0.marks.insert(sandbox) } }

    package func directory(of sandbox: SandboxID) -> String { "/memory/\(sandbox)" }

    package func create(_ record: SandboxRecord) async throws(RecordError) {
        await pause()
        try state.withLock { state throws(RecordError) in
            try state.write(record, in: directory(of: record.id), toSurvive: .processEnd)
        }
    }

    package func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        await pause()
        try state.withLock { state throws(RecordError) in
            guard state.records[record.id] != nil else { throw RecordError("open: No such file or directory") }
            try state.write(record, in: directory(of: record.id), toSurvive: event)
        }
    }

    package func remove(_ sandbox: SandboxID) async throws(RecordError) {
        await pause()
        try state.withLock { state throws(RecordError) in
            // A full disk can be removed from.
            if state.fault == .readOnly, state.writesUntilFault == 0 {
                throw Fault.readOnly.error(on: directory(of: sandbox))
            }
            state.records[sandbox] = nil
            state.synced[sandbox] = nil
            state.marks.remove(sandbox)
        }
    }

    package func markStopped(_ sandbox: SandboxID) async throws(RecordError) {
        await pause()
        try state.withLock { state throws(RecordError) in
            if let fault = state.fault { throw fault.error(on: directory(of: sandbox)) }
            if state.records[sandbox] != nil { state.marks.insert(sandbox) }
        }
    }

    /// The bytes of a sandbox's record.
    package func bytes(of sandbox: SandboxID) -> [UInt8]? { state.withLock { $0.records[sandbox] ?? nil } }

    /// Counts an operation in, and waits if it is to be held.
    private func pause() async {
        let gate = state.withLock { $0.gates.isEmpty ? nil : $0.gates.removeFirst() }
        operations.count(.began)
        // Like a disk, it does not hear of cancellations.
        if let gate { await Task { await gate.wait() }.value }
    }

    package func load() throws(RecordError) -> LoadedRecords {
        var loaded = LoadedRecords()
        loaded.stopped = state.withLock { $0.marks }
        for (id, bytes) in state.withLock({ $0.records }) {
            guard let bytes else {
                state.withLock { $0.records[id] = nil }
                continue
            }
            if SandboxRecord.isUnsynced(bytes) { loaded.unsynced.insert(id) }
            do {
                loaded.records.append(try SandboxRecord(parsing: bytes, of: id))
            } catch {
                loaded.unreadable[id] = error.description
            }
        }
        return loaded
    }
}
