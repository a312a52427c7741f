internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// CreateVM: checks the request and does all work that needs no cloud.
    ///
    /// The same request again joins the call in progress, or answers the same while the sandbox is prepared. If the call
    /// fails, or all its callers' tasks are cancelled, nothing of the sandbox is left. Needs ``run()`` to be running.
    ///
    /// - Returns: The path of the unix socket on which the agent will be reachable.
    /// - Throws: ``LifecycleError``.
    public func create(_ request: SandboxRequest) async throws(LifecycleError) -> String {
        try RequestCheck(request: request, namespaces: namespaces).check(directory: store.directory(of: request.id))
        if table.withLock({ $0.isClosing }) { throw await refusal(of: request.id) }
        let call = InFlightCall(.create)
        switch try await admit(request, call) {
        case .begun(let record):
            begin(call, of: record.id) { await self.carryOutCreate(request, record, call) }
            try await call.result()
        case .joined(let other): try await other.result()
        case .closing: throw await refusal(of: request.id)
        case .done: logger.info("The sandbox is prepared already", [LogField("sandbox", request.id)])
        }
        return PreparedPod.agentSocketPath(in: store.directory(of: request.id))
    }

    /// Does the work of one CreateVM. Returns nil when a later process continues the call.
    private func carryOutCreate(
        _ request: SandboxRequest, _ record: SandboxRecord, _ call: InFlightCall
    ) async -> Result<Void, LifecycleError>? {
        let log = logger(of: record)
        // The Go adaptor's test suite looks for this sentence in the log.
        log.info(
            "create a sandbox \(record.id) for pod \(record.podName) in namespace \(record.podNamespace) "
                + "(netns: \(record.networkNamespacePath))")
        note(.preparing, of: record)
        if record.networkNamespacePath.isEmpty {
            log.info("The sandbox has no network namespace; if its shim dies, only StopVM removes it")
        }
        let directory = store.directory(of: record.id)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await call.run { try await self.prepare(request, record, in: directory) })
        } catch {
            outcome = .failure(error)
        }
        guard let settled = await settle(call, of: record.id, failed: outcome.isFailure) else { return nil }
        if !outcome.isFailure, !settled.isEnding { return .success(()) }
        await teardown(of: record.id)?.quickPart.wait()
        let failure = FailedCall(record, at: .preparing, call, outcome.failure, settled.unrecorded).error
        log.warning("Could not prepare the sandbox", [LogField("error", failure.message)])
        note(.preparationFailed(failure), of: record)
        return .failure(failure)
    }

    private func prepare(
        _ request: SandboxRequest, _ record: SandboxRecord, in directory: String
    ) async throws {
        var request = request
        let missing = try await complete(&request, of: record)
        try provider.check(request.requirements)
        let pod = try await connector.prepare(request, in: directory, vmName: record.state.vm)
        try Task.checkCancellation()
        let requirements = request.requirements
        _ = try await decide(on: record.id) { sandbox throws(RecordError) in
            sandbox.note { record in
                record.vni = pod.vni
                record.requirements = requirements
                for step in missing { record.history.append(step) }
            }
            _ = try await sandbox.commit(sandbox.state.prepared(), in: store, at: clock.millisecondsSince1970)
        }
    }

    /// Adds what the cluster knows of the pod to kata's request. Returns a step for each detail that is missing.
    private func complete(
        _ request: inout SandboxRequest, of record: SandboxRecord
    ) async throws -> [SandboxStep] {
        let details = try await details.details(of: observed(record))
        for remark in details.remarks {
            logger(of: record).warning("A detail of the pod is missing", [LogField("reason", remark)])
            note(.detailMissing(remark), of: record)
        }
        request.requirements = request.requirements.completed(by: details)
        request.registryCredentials = details.registryCredentials
        if let fault = request.requirements.numberFault { throw LifecycleError(.invalidArgument, fault) }
        let now = clock.millisecondsSince1970
        return details.remarks.prefix(8).map { SandboxStep(.missing, at: now, detail: $0) }
    }

    /// What comes of a CreateVM.
    fileprivate enum Admission {
        case begun(SandboxRecord)
        case joined(InFlightCall)
        /// The process ends.
        case closing
        /// The sandbox is prepared.
        case done
    }

    /// Adds the sandbox to the table and to the disk, unless the sandbox or its VM's name exists already.
    private func admit(_ request: SandboxRequest, _ call: InFlightCall) async throws(LifecycleError) -> Admission {
        await removal(of: request.id)
        let record = SandboxRecord(
            request, vm: VMName.make(pod: request.podName, sandbox: request.id), created: clock.secondsSince1970,
            owner: options.owner, scope: provider.scope)
        let turn = AsyncSemaphore(1)
        // This call holds the sandbox's semaphore first: a call that comes during the first write waits.
        return try await turn.withPermitIgnoringCancellation { () async throws(LifecycleError) in
            // A StopVM that came meanwhile has found nothing to stop, and no other may follow.
            if Task.isCancelled { throw .hungUp(request.id) }
            let admission = try table.withLock { table throws(LifecycleError) in
                try table.admit(record, turn, call)
            }
            guard case .begun = admission else { return admission }
            var sandbox = Sandbox(unrecorded: record)
            let now = clock.millisecondsSince1970
            sandbox.note { $0.history.append(SandboxStep(.preparing, at: now)) }
            do throws(RecordError) {
                try await sandbox.create(in: store)
            } catch {
                table.withLock { $0.entries[request.id] = nil }
                let failure = LifecycleError.unrecorded(error, "Sandbox \(request.id) cannot be created")
                call.finish(.failure(failure))
                throw failure
            }
            table.withLock { [sandbox] in $0.entries[request.id]?.sandbox = sandbox }
            count()
            return admission
        }
    }

    /// Waits for the removal of a sandbox of that id that has no VM, or until the caller is cancelled.
    ///
    /// After a restart, a gateway repeats a CreateVM whose earlier work is being undone.
    private func removal(of id: SandboxID) async {
        let teardown = table.withLock { table -> Teardown? in
            guard let entry = table.entries[id], case .gone = entry.sandbox.state else { return nil }
            return entry.teardown
        }
        await teardown?.isDone.wait()
    }
}

extension SandboxTable {
    /// Adds a sandbox, or finds the sandbox that the same request has created.
    fileprivate mutating func admit(
        _ record: SandboxRecord, _ turn: AsyncSemaphore, _ call: InFlightCall
    ) throws(LifecycleError) -> SandboxSupervisor.Admission {
        if isClosing { return .closing }
        if let entry = setAside[record.id] { throw .setAside(record.id, entry.reason) }
        if let known = entries[record.id] {
            guard known.sandbox.record.request == record.request else { throw .exists(known.sandbox.record) }
            if let other = known.call, other.kind == .create, other.join() { return .joined(other) }
            if known.call == nil, case .prepared = known.sandbox.state { return .done }
            throw .exists(known.sandbox.record)
        }
        if let owner = owner(of: record.state.vm) { throw .taken(record.state.vm, by: owner, for: record.id) }
        entries[record.id] = Entry(sandbox: Sandbox(unrecorded: record), turn: turn, call: call)
        return .begun(record)
    }
}

extension LifecycleError {
    fileprivate static func exists(_ record: SandboxRecord) -> LifecycleError {
        switch record.state {
        case .deleting, .gone:
            LifecycleError(
                .failedPrecondition,
                "Sandbox \(record.id) is being deleted, with its VM \(record.state.vm); create it again when it is gone."
            )
        case .preparing, .prepared, .creating, .booting, .running, .failed:
            LifecycleError(
                .alreadyExists,
                "Sandbox \(record.id) exists already, for pod \(record.podNamespace)/\(record.podName); it is "
                    + "\(record.state.name). Stop it first, or use another id.")
        }
    }

    fileprivate static func taken(
        _ vm: InstanceID, by owner: SandboxRecord, for id: SandboxID
    ) -> LifecycleError {
        LifecycleError(
            .alreadyExists,
            "Sandbox \(id) would need a VM named \(vm), which is the name of sandbox \(owner.id)'s; it can be created "
                + "when that one is gone.")
    }

    fileprivate static func hungUp(_ id: SandboxID) -> LifecycleError {
        LifecycleError(
            .cancelled, "The caller hung up or its deadline passed before the creation of sandbox \(id) began.")
    }

    static func closing(_ id: SandboxID) -> LifecycleError {
        LifecycleError(
            .unavailable, "Sandbox \(id) is not created or started, because the adaptor is stopping; try again.")
    }

    static func setAside(_ id: SandboxID, _ reason: String) -> LifecycleError {
        LifecycleError(
            .failedPrecondition,
            "Sandbox \(id) has a record that this adaptor cannot use (\(reason)). Stop the sandbox; then its VM is "
                + "deleted, if there is one.")
    }

    static func unrecorded(_ error: RecordError, _ what: String) -> LifecycleError {
        LifecycleError(
            error.isOutOfSpace ? .resourceExhausted : .internal,
            "\(what): its record could not be written (\(error)). "
                + (error.isOutOfSpace
                    ? "Make room where the pods directory is." : "Check the pods directory (-pods-dir)."),
            cause: error)
    }
}
