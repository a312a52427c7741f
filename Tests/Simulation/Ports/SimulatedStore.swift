internal import PodVMLifecycle

/// The pods directory of one simulated process.
struct SimulatedStore: RecordStore {
    let world: World
    let process: Int

    func directory(of sandbox: SandboxID) -> String { "/pods/\(sandbox)" }

    func create(_ record: SandboxRecord) async throws(RecordError) {
        try await perform { state, ending -> Result<Void, RecordError> in
            guard let outcome = state.outcomeOfWrite(ending) else { return .failure(.dead) }
            if case .failed(let error) = outcome {
                state.note(.recordFailed, state.pod(of: record.id), record.state.index)
                return .failure(error)
            }
            guard state.disk.directory(of: record.id) == nil else { return .failure(.exists) }
            state.disk.create(record)
            state.note(.recordWritten, state.pod(of: record.id), record.state.index)
            return .success(())
        }
    }

    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        try await perform { state, ending -> Result<Void, RecordError> in
            guard let outcome = state.outcomeOfWrite(ending) else { return .failure(.dead) }
            let pod = state.pod(of: record.id)
            guard state.disk.directory(of: record.id) != nil else { return .failure(.missing) }
            if case .failed(let error) = outcome {
                state.disk.change(record.id) { $0.hasFailedWrite = true }
                state.note(.recordFailed, pod, record.state.index)
                return .failure(error)
            }
            state.checkTransition(to: record)
            if case .writtenAndFailed(let error) = outcome {
                // The new record is in place, and the sync of its directory failed.
                state.disk.change(record.id) { $0.hasFailedWrite = true }
                state.disk.write(record, toSurvive: .processEnd)
                state.note(.recordWrittenAndFailed, pod, record.state.index)
                return .failure(error)
            }
            state.disk.write(record, toSurvive: event)
            state.note(.recordWritten, pod, record.state.index)
            return .success(())
        }
    }

    func remove(_ sandbox: SandboxID) async throws(RecordError) {
        try await perform { state, ending -> Result<Void, RecordError> in
            guard let outcome = state.outcomeOfWrite(ending, isRemoval: true) else { return .failure(.dead) }
            if case .failed(let error) = outcome {
                state.note(.directoryNotRemoved, state.pod(of: sandbox))
                return .failure(error)
            }
            state.disk.remove(sandbox, isSynced: ending != .crashed)
            state.note(.directoryRemoved, state.pod(of: sandbox))
            return .success(())
        }
    }

    func markStopped(_ sandbox: SandboxID) async throws(RecordError) {
        try await perform { state, ending -> Result<Void, RecordError> in
            guard let outcome = state.outcomeOfWrite(ending) else { return .failure(.dead) }
            if case .failed(let error) = outcome { return .failure(error) }
            state.disk.mark(sandbox)
            state.note(.stopMarked, state.pod(of: sandbox))
            return .success(())
        }
    }

    func load() async throws(RecordError) -> LoadedRecords {
        try await perform { state, ending -> Result<LoadedRecords, RecordError> in
            guard ending == .completed || ending == .cancelled else { return .failure(.dead) }
            if state.disk.condition == .failing, state.inject(.writeFailed, 20) { return .failure(.fault) }
            state.note(.loaded, process)
            state.disk.syncRemovals()
            let loaded = state.disk.load()
            state.checkDamage(loaded)
            return .success(loaded)
        }
    }

    private func perform<Value: Sendable>(
        _ body: @escaping (inout WorldState, Ending) -> Result<Value, RecordError>
    ) async throws(RecordError) -> Value {
        let result: Result<Value, RecordError> = await world.perform(of: process, .always, body)
        return try result.get()
    }
}

/// What becomes of a write.
private enum WriteOutcome {
    case written
    case writtenAndFailed(RecordError)
    case failed(RecordError)
}

extension WorldState {
    /// Nil when the process crashed before the write took effect. Like a disk, it ignores cancellations.
    fileprivate mutating func outcomeOfWrite(_ ending: Ending, isRemoval: Bool = false) -> WriteOutcome? {
        switch ending {
        case .dead: return nil
        case .crashed: return random.chance(50) ? .written : nil
        case .completed, .cancelled: break
        }
        switch disk.condition {
        case .healthy: return .written
        case .full:
            if isRemoval { return .written }
            count(.writeFailed)
            return .failed(.full)
        case .readOnly:
            count(.writeFailed)
            return .failed(.readOnly)
        case .failing:
            if inject(.writeFailed, 30) { return .failed(.fault) }
            if !isRemoval, inject(.writeFailedAfterEffect, 20) { return .writtenAndFailed(.fault) }
            return .written
        }
    }
}

extension RecordError {
    fileprivate static let dead = RecordError("the process has crashed")
    fileprivate static let exists = RecordError("mkdirat: File exists [errno 17]")
    fileprivate static let missing = RecordError("openat: No such file or directory [errno 2]")
    fileprivate static let full = RecordError("write: No space left on device [errno 28]", isOutOfSpace: true)
    fileprivate static let readOnly = RecordError("openat: Read-only file system [errno 30]")
    fileprivate static let fault = RecordError("fsync: Input/output error [errno 5]")
}
