internal import LinuxIO
package import PodVMLifecycle

/// A pods directory in memory, of which a test can make a full or a write-protected disk.
package final class MemoryStore: RecordStore {
    /// What is wrong with the disk.
    package enum Fault: Sendable {
        case full
        case readOnly

        fileprivate func error(on subject: String) -> RecordError {
            switch self {
            case .full: RecordError("write(\(subject)): No space left on device [errno 28]", isForWantOfRoom: true)
            case .readOnly: RecordError("open(\(subject)): Read-only file system [errno 30]")
            }
        }
    }

    private struct State {
        var records: [SandboxID: [UInt8]?] = [:]
        var writes: [String] = []
        var fault: Fault?
        var writesUntilFault = 0
    }

    private let state = Lock(State())

    package init() {}

    /// The sandboxes that have a directory.
    package var directories: Set<SandboxID> { state.withLock { Set($0.records.keys) } }
    /// The states that were written, in order.
    package var writes: [String] { state.withLock { $0.writes } }

    /// Breaks the disk once `writes` more have succeeded; nil mends it.
    package func fail(with fault: Fault?, after writes: Int = 0) {
        state.withLock { state in
            state.fault = fault
            state.writesUntilFault = writes
        }
    }

    /// Puts bytes where a record should be.
    package func put(_ bytes: [UInt8], for sandbox: SandboxID) { state.withLock { $0.records[sandbox] = .some(bytes) } }

    package func directory(of sandbox: SandboxID) -> String { "/memory/\(sandbox)" }

    package func makeDirectory(of sandbox: SandboxID) throws(RecordError) {
        try state.withLock { state throws(RecordError) in
            if let fault = state.fault, state.writesUntilFault == 0 { throw fault.error(on: directory(of: sandbox)) }
            state.records[sandbox] = .some(nil)
        }
    }

    package func write(_ record: SandboxRecord) throws(RecordError) {
        try state.withLock { state throws(RecordError) in
            if let fault = state.fault {
                guard state.writesUntilFault > 0 else { throw fault.error(on: directory(of: record.id)) }
                state.writesUntilFault -= 1
            }
            guard state.records[record.id] != nil else { throw RecordError("open: No such file or directory") }
            state.records[record.id] = .some(record.encoded)
            state.writes.append(record.state.name)
        }
    }

    package func remove(_ sandbox: SandboxID) throws(RecordError) {
        try state.withLock { state throws(RecordError) in
            // A full disk can be removed from.
            if state.fault == .readOnly, state.writesUntilFault == 0 {
                throw Fault.readOnly.error(on: directory(of: sandbox))
            }
            state.records[sandbox] = nil
        }
    }

    package func load() throws(RecordError) -> LoadedRecords {
        var loaded = LoadedRecords()
        for (id, bytes) in state.withLock({ $0.records }) {
            guard let bytes else {
                state.withLock { $0.records[id] = nil }
                continue
            }
            do {
                loaded.records.append(try SandboxRecord(parsing: bytes))
            } catch {
                loaded.unreadable[id] = error.description
            }
        }
        return loaded
    }
}
