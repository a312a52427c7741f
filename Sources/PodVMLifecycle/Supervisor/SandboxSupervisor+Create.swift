internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// CreateVM: checks the request and does all work that needs no cloud.
    ///
    /// If it fails, or the caller's task is cancelled, nothing of the sandbox is left.
    ///
    /// - Returns: The path of the unix socket on which the agent will be reachable.
    /// - Throws: ``LifecycleError``.
    public func create(_ request: SandboxRequest) async throws(LifecycleError) -> String {
        try RequestCheck(request: request, namespaces: namespaces).check(directory: store.directory(of: request.id))
        let call = InFlightCall()
        let record = try await register(request, call)
        let log = logger(of: record)
        // The Go adaptor's test suite looks for this sentence in the log.
        log.info("create a sandbox \(record.id) for pod \(record.podName) in namespace \(record.podNamespace)")
        if record.networkNamespacePath.isEmpty {
            log.info("The sandbox has no network namespace; if its shim dies, only StopVM removes it")
        }
        let directory = store.directory(of: record.id)
        let outcome: Result<PreparedPod, any Error>
        do {
            outcome = .success(try await call.run { try await self.prepare(request, record, in: directory) })
        } catch {
            outcome = .failure(error)
        }
        let settled = await settle(call, of: record.id, failed: outcome.isFailure)
        if case .success(let pod) = outcome, !settled.isEnding { return pod.agentSocketPath }
        await teardown(of: record.id)?.quickPart.wait()
        let failure = FailedCall(record, at: .preparing, call, outcome.failure, settled.unrecorded).error
        log.warning("Could not prepare the sandbox", [LogField("error", failure.message)])
        throw failure
    }

    private func prepare(
        _ request: SandboxRequest, _ record: SandboxRecord, in directory: String
    ) async throws -> PreparedPod {
        try provider.check(request.requirements)
        let pod = try await connector.prepare(request, in: directory, vmName: record.state.vm)
        if let fault = RequestCheck.socketFault(pod.agentSocketPath) { throw ConnectorError(.invalidRequest, fault) }
        try Task.checkCancellation()
        _ = try await decide(on: record.id) { sandbox throws(RecordError) in
            sandbox.note { $0.vni = pod.vni }
            _ = try await sandbox.commit(sandbox.state.prepared(), in: store)
        }
        return pod
    }

    /// Adds the sandbox to the table and to the disk, unless the sandbox or its VM's name exists already.
    private func register(_ request: SandboxRequest, _ call: InFlightCall) async throws(LifecycleError) -> SandboxRecord
    {
        let id = request.id
        let vm = VMName.make(pod: request.podName, sandbox: id)
        let record = SandboxRecord(
            request, vm: vm, created: clock.secondsSince1970, owner: options.owner, scope: provider.scope)
        var sandbox = Sandbox(unrecorded: record)
        let turn = AsyncSemaphore(1)
        // This call holds the sandbox's semaphore first: a call that comes during the first write waits.
        try await turn.withPermitIgnoringCancellation { () async throws(LifecycleError) in
            try table.withLock { table throws(LifecycleError) in
                if table.isClosing { throw .closing(id) }
                if let known = table.entries[id] { throw .exists(known.sandbox.record) }
                if let entry = table.setAside[id] { throw .setAside(id, entry.reason) }
                if let owner = table.owner(of: vm) { throw .taken(vm, by: owner, for: id) }
                table.entries[id] = .init(sandbox: sandbox, turn: turn, call: call)
            }
            do throws(RecordError) {
                try await sandbox.create(in: store)
            } catch {
                table.withLock { $0.entries[id] = nil }
                throw .unrecorded(error, "Sandbox \(id) cannot be created")
            }
            table.withLock { $0.entries[id]?.sandbox = sandbox }
        }
        count()
        return record
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
