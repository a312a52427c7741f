internal import LinuxIO
internal import Telemetry

// The start of a pod, step by step: CreateVM is the first three steps, StartVM the next four.
//
// | step            | function            | record first | effect                              | undo                  |
// |-----------------|---------------------|--------------|-------------------------------------|-----------------------|
// | register        | create, admit       | preparing    | the sandbox's directory             | remove it             |
// | prepare         | prepare             | -            | network number, keys, user data     | release them          |
// | prepared        | prepare             | prepared     | answer with the agent socket's path | -                     |
// | ask the cloud   | admitStart, bringUp | creating*    | the cloud creates the VM            | delete the VM by name |
// | address known   | recordAddress       | booting*     | dial the VM, set up its network     | disconnect            |
// | replaced        | recordReplacement   | creating*    | the provider tries another place    | delete the VM by name |
// | agent answered  | bringUp             | running*     | remove the boot document, answer    | -                     |
// | stop or failure | recordStop, settle  | deleting*    | the undo of all steps above         | repeated until done   |
// | VM deleted      | recordDeletion      | gone         | release number, remove directory    | repeated until done   |
//
// A record with * survives a power cut, the others the end of the process. A crash after a record and before the next one
// leaves that record; the next process reads it, and undoes the start unless the state is prepared, running or failed
// (`SandboxState.recovered()`). Where callers survive a restart, because a gateway holds their connections, a start in the
// states creating and booting waits for its StartVM, and begins again with the step "ask the cloud". The undo of a step includes the undo of all steps before it.

extension SandboxSupervisor {
    /// StartVM: returns once the agent in the sandbox's VM has answered through the tunnel.
    ///
    /// During a start, another StartVM joins that start; for a running sandbox it succeeds at once. A start of an earlier
    /// process is continued from its record. After any failure, the cancellation of all callers' tasks or a stop, the VM
    /// is being deleted when this throws. Needs ``run()`` to be running.
    ///
    /// - Throws: ``LifecycleError``. A refusal (not found, failed precondition) does not change the sandbox.
    public func start(_ id: SandboxID) async throws(LifecycleError) {
        if let entry = table.withLock({ $0.setAside[id] }) { throw .setAside(id, entry.reason) }
        if table.withLock({ $0.isClosing }) { throw await refusal(of: id) }
        let call = InFlightCall(.start)
        switch try await admitStart(of: id, call) {
        case .begun(let record):
            // The process may have begun to end while the start was recorded, before this call was in the table.
            if table.withLock({ $0.isClosing }) { call.interrupt(endingAtClose) }
            begin(call, of: record.id) { await self.carryOutStart(of: record, call) }
            try await call.result()
        case .joined(let other): try await other.result()
        case .closing: throw await refusal(of: id)
        case .running: logger.info("The VM runs already", [LogField("sandbox", id)])
        }
    }

    /// What comes of a StartVM.
    private enum StartAdmission {
        case begun(SandboxRecord)
        case joined(InFlightCall)
        /// The process ends.
        case closing
        case running
    }

    private func admitStart(of id: SandboxID, _ call: InFlightCall) async throws(LifecycleError) -> StartAdmission {
        let admission = try await decide(on: id) { sandbox throws(LifecycleError) -> StartAdmission in
            if let other = table.withLock({ $0.entries[id]?.call }) {
                if other.kind == .start, other.join() { return .joined(other) }
                if other.ending == .suspended { return .closing }
                throw LifecycleError(.failedPrecondition, SandboxState.StartRefusal.inProgress.sentence(on: id))
            }
            if case .running = sandbox.state { return .running }
            try await commitStart(&sandbox)
            table.withLock { table in
                table.entries[id]?.call = call
                table.entries[id]?.isUnclaimed = false
            }
            return .begun(sandbox.record)
        }
        guard let admission else {
            throw LifecycleError(.notFound, "Sandbox \(id) is not known on this node; create it first.")
        }
        return admission
    }

    private func commitStart(_ sandbox: inout Sandbox) async throws(LifecycleError) {
        let decision: Decision
        do {
            decision = try sandbox.state.start()
        } catch {
            throw LifecycleError(.failedPrecondition, error.sentence(on: sandbox.record.id))
        }
        sandbox.note { $0.scope = provider.scope }
        do {
            _ = try await sandbox.commit(decision, in: store, at: clock.millisecondsSince1970)
        } catch {
            throw .unrecorded(error, "Sandbox \(sandbox.record.id) cannot be started")
        }
    }

    /// Does the work of one StartVM. Returns nil when a later process continues the call.
    private func carryOutStart(of record: SandboxRecord, _ call: InFlightCall) async -> Result<Void, LifecycleError>? {
        metrics.starts.increment()
        let log = logger(of: record)
        log.info("Starting the VM")
        let timer = PhaseTimer(.creating, clock: clock)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await call.run { try await self.bringUp(record, timer) })
        } catch {
            outcome = .failure(error)
        }
        guard let settled = await settle(call, of: record.id, failed: outcome.isFailure) else { return nil }
        if outcome.isFailure || settled.isEnding {
            let failure = FailedCall(record, at: timer.phase, call, outcome.failure, settled.unrecorded).error
            table.withLock { $0.entries[record.id]?.startFailure = failure.message }
            metrics.startFailures.increment(failure.code.rawValue)
            log.error("The VM did not start", [LogField("error", failure.message)])
            note(.startFailed(failure), of: record)
            return .failure(failure)
        }
        timer.report(to: metrics.startSeconds)
        note(.running(timer.total), of: record)
        log.info("The VM runs", [LogField("milliseconds", Int64(timer.total / .milliseconds(1)))])
        return .success(())
    }

    /// Follows the VM's creation from the boot document to the agent's answer, and records each event before it acts on
    /// it.
    private func bringUp(_ record: SandboxRecord, _ timer: PhaseTimer) async throws {
        let creation = try await requestInstance(for: record)
        var event: CreationEvent? = await creation.next()
        while let happened = event { event = try await react(to: happened, of: record, creation, timer) }
        try Task.checkCancellation()
        guard case .discardBootDocument = try await step(record.id, { $0.answered() }) else { return }
        await connector.started(record.id, in: store.directory(of: record.id))
    }

    private func requestInstance(for record: SandboxRecord) async throws -> any InstanceCreation {
        let userData = try await connector.userData(for: record.id, in: store.directory(of: record.id))
        let spec = InstanceSpec(
            name: record.state.vm, podName: record.podName, podNamespace: record.podNamespace,
            requirements: record.requirements, userData: userData, tags: tags(of: record))
        await observer.willCreateInstance(of: observed(record))
        try Task.checkCancellation()
        note(.requested, of: record)
        return provider.createInstance(for: record.id, from: spec)
    }

    /// Records the event and acts on it; returns the next event, nil when the agent has answered or no event will come.
    private func react(
        to event: CreationEvent, of record: SandboxRecord, _ creation: any InstanceCreation, _ timer: PhaseTimer
    ) async throws -> CreationEvent? {
        switch event {
        case .trying(let place): await noteTry(in: place, of: record)
        case .refused(let refused): try await recordRefusal(refused, of: record)
        case .addressKnown(let made):
            let instance = try await recordAddress(made, of: record, timer)
            return try await readiness(of: record, at: instance, creation).run()
        case .replaced(let error): try await recordReplacement(of: record, error, timer)
        case .provisioned: break
        case .failed(let error): throw error
        }
        return await creation.next()
    }

    private func recordAddress(
        _ made: Instance, of record: SandboxRecord, _ timer: PhaseTimer
    ) async throws -> Instance {
        let effect = try await step(record.id) { $0.created(at: made.addresses, vmID: made.vmID) }
        guard case .connect(let instance) = effect else {
            throw InFlightCall.Interrupted()
        }
        table.withLock { table in
            table.arrival.set()
            table.arrival = Event()
        }
        timer.begin(.connecting)
        note(.addressKnown(made), of: record)
        logger(of: record).debug("The VM has an address", [LogField("address", instance.addresses.first ?? "none")])
        return instance
    }

    /// Notes where the VM is tried. The next record has it: the record of the state `creating` is enough to find the VM.
    private func noteTry(in place: InstancePlace, of record: SandboxRecord) async {
        let now = clock.millisecondsSince1970
        _ = await decide(on: record.id) { sandbox in
            sandbox.note { record in
                record.place = place
                record.history.append(SandboxStep(.trying, at: now, place: place.description))
            }
        }
        note(.placed(place, because: record.requirements.reason), of: record)
    }

    private func recordRefusal(_ refused: RefusedTry, of record: SandboxRecord) async throws {
        let now = clock.millisecondsSince1970
        _ = try await decide(on: record.id) { sandbox throws(RecordError) in
            sandbox.note {
                $0.history.append(
                    SandboxStep(
                        .refused, at: now, place: refused.place.description, code: refused.code,
                        detail: refused.detail))
            }
            // The state stays; only the history is written.
            guard case .creating = sandbox.state else { return }
            _ = try await sandbox.commit(Decision(sandbox.state, then: .nothing), in: store)
        }
        note(.refused(refused), of: record)
    }

    private func recordReplacement(
        of record: SandboxRecord, _ error: ProviderError, _ timer: PhaseTimer
    ) async throws {
        let now = clock.millisecondsSince1970
        let effect = try await decide(on: record.id) { sandbox throws(RecordError) in
            sandbox.note {
                $0.history.append(
                    SandboxStep(
                        .replaced, at: now, place: $0.place?.description ?? "", code: error.code.description,
                        detail: error.detail))
            }
            return try await sandbox.commit(sandbox.state.replaced(), in: store, at: now)
        }
        guard case .createInstance? = effect else { throw InFlightCall.Interrupted() }
        logger(of: record).warning(
            "The cloud could not provision the VM; it is created again in another place", [LogField("error", error)])
        timer.begin(.creating)
        note(.replaced(error), of: record)
    }

    private func readiness(
        of record: SandboxRecord, at instance: Instance, _ creation: any InstanceCreation
    ) -> ReadinessWait {
        ReadinessWait(
            sandbox: record.id, directory: store.directory(of: record.id), instance: instance, creation: creation,
            connector: connector, clock: clock, timeout: options.proxyTimeout.current)
    }

    private func tags(of record: SandboxRecord) -> [String: String] {
        var tags = options.tags
        tags[InstanceTags.cluster] = options.cluster
        tags[InstanceTags.node] = options.node
        tags[InstanceTags.namespace] = record.podNamespace
        tags[InstanceTags.pod] = record.podName
        tags[InstanceTags.sandbox] = record.id.rawValue
        tags[InstanceTags.created] = String(record.created)
        return tags
    }
}

extension SandboxState.StartRefusal {
    fileprivate func sentence(on id: SandboxID) -> String {
        switch self {
        case .inProgress: "Sandbox \(id) is being created or started already; wait for that call."
        case .running: "Sandbox \(id) is running already; it stays as it is."
        case .failed(let reason): "Sandbox \(id) has failed: \(reason) Stop it, and create another one."
        case .stopped: "Sandbox \(id) was stopped and is being deleted; create another one."
        }
    }
}
