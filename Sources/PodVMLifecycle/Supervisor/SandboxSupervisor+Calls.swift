internal import LinuxIO
internal import Telemetry

// The beginning and the end of CreateVM and StartVM.

extension SandboxSupervisor {
    /// How long a start of an earlier process waits for a StartVM that continues it.
    private static var claimTime: Duration { .seconds(30) }

    /// How a call ends when the process ends.
    var endingAtClose: InFlightCall.Ending { options.callersSurviveRestart ? .suspended : .stopped }

    /// Begins the work of a call that is in the table. `work` returns nil when a later process continues the call.
    func begin(
        _ call: InFlightCall, of id: SandboxID,
        _ work: @escaping @Sendable () async -> Result<Void, LifecycleError>?
    ) {
        pool.start { if let outcome = await work() { call.finish(outcome) } }
        // After the end of the background work, the work does not begin.
        if table.withLock({ $0.isOver }) { leave(call, of: id) }
    }

    /// Ends a call whose work does not go on in this process.
    ///
    /// Where a later process continues the call, its callers get no answer, and wait until they are cancelled. A caller
    /// that was cancelled before, and waits for the end of the work, gets an answer.
    func leave(_ call: InFlightCall, of id: SandboxID) {
        call.interrupt(endingAtClose)
        if call.ending != .suspended { call.finish(.failure(.closing(id))) }
    }

    /// Ends a call: if the call failed, or its callers or a stop have cancelled it, the sandbox's teardown begins. Returns
    /// nil when a later process continues the call; then its record stays as it is.
    ///
    /// Must be called in the task of the call's work, because it reads that task's cancellation.
    func settle(
        _ call: InFlightCall, of id: SandboxID, failed: Bool
    ) async -> (isEnding: Bool, unrecorded: RecordError?)? {
        if Task.isCancelled { call.interrupt(endingAtClose) }
        if failed, call.ending == .suspended { return nil }
        let result = await decide(on: id) { sandbox -> (isEnding: Bool, unrecorded: RecordError?) in
            let isCalledOff = call.ending == .stopped || call.ending == .abandoned
            let state = sandbox.state
            guard failed || isCalledOff else { return (state.isEnding, nil) }
            let unrecorded = await sandbox.abandon(
                isCalledOff ? state.stop() : state.failed(), in: store, at: clock.millisecondsSince1970
            ).failure
            return (true, unrecorded)
        } publish: { entry in
            entry.call = nil
        }
        guard let result else { return (true, nil) }
        if result.isEnding { beginEnding(of: id) }
        return result
    }

    /// Refuses new CreateVM and StartVM calls, and ends those in progress. StopVM and deletions continue.
    ///
    /// The process calls it when it ends. Where callers survive, the calls in progress and new ones wait without an answer:
    /// the next process continues them. Otherwise they are cancelled, because a VM without its tunnel is of no use.
    public func refuseStarts() {
        let calls = table.withLock { table in
            table.isClosing = true
            return table.ordered.compactMap(\.call)
        }
        for call in calls { call.interrupt(endingAtClose) }
    }

    /// The answer to a call that comes while the process ends. A caller that survives waits for the next process.
    func refusal(of id: SandboxID) async -> LifecycleError {
        if options.callersSurviveRestart { await Event().wait() }
        return .closing(id)
    }

    /// Stops the sandboxes whose start an earlier process began, when no StartVM has continued it within the time. The
    /// time begins when StartVM calls can reach this process.
    func stopUnclaimed() async {
        guard table.withLock({ $0.entries.values.contains(where: \.isUnclaimed) }) else { return }
        await connector.callersReachable()
        guard (try? await clock.sleep(for: Self.claimTime)) != nil else { return }
        for record in table.withLock({ $0.ordered.filter(\.isUnclaimed).map(\.sandbox.record) }) {
            let log = logger(of: record)
            do {
                // A StartVM that is being recorded now continues the start.
                guard try await stop(record.id, if: \.isUnclaimed) else { continue }
                log.warning(
                    "No StartVM has continued the start of an earlier process; the sandbox is stopped",
                    [LogField("seconds", Int64(Self.claimTime / .seconds(1)))])
            } catch {
                log.warning("Could not stop the sandbox completely", [LogField("error", error)])
            }
        }
    }
}
