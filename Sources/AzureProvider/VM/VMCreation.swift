internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The creation of one VM: the search for a size and a zone where Azure can start it, and the watch over the VM there.
///
///     new ──> searching ──trying──> requesting ──addressKnown──> provisioning ──provisioned──> running
///              ^  ^                     │                            │
///              │  └───── refused ───────┘                            │
///              └────────────────────── replaced ─────────────────────┘          each of them may end with `failed`
///
/// ``PlacementSearch`` limits the tries, whether a try fails before or after its address is known.
final class VMCreation: InstanceCreation {
    private enum State {
        case new
        case searching(PlacementSearch)
        case requesting(PlacementSearch, at: Candidate)
        case provisioning(PlacementSearch, at: Candidate)
        case running
        case ended(ProviderError)
    }

    private let context: AzureContext
    private let sandbox: SandboxID
    private let spec: InstanceSpec
    private let redactor: Redactor
    private let state = Lock(State.new)

    private var id: InstanceID { spec.name }
    private var operation: String { "create VM \(id)" }
    private var log: Logger { context.logger(of: id, sandbox) }

    init(context: AzureContext, sandbox: SandboxID, spec: InstanceSpec, redactor: Redactor) {
        self.context = context
        self.sandbox = sandbox
        self.spec = spec
        self.redactor = redactor
    }

    func next() async -> CreationEvent {
        // Azure may repeat the VM's user data in an error.
        await redactor.hiding(Secret(spec.userData)) {
            do throws(ProviderError) {
                let (event, next) = try await step(from: state.withLock { $0 })
                state.withLock { $0 = next }
                return event
            } catch {
                let error = error.redacted(by: redactor)
                state.withLock { $0 = .ended(error) }
                return .failed(error)
            }
        }
    }

    private func step(from state: State) async throws(ProviderError) -> (CreationEvent, State) {
        switch state {
        case .new:
            try check()
            return try announce(try await placement())
        case .searching(let placement): return try announce(placement)
        case .requesting(let placement, let candidate): return try await request(placement, candidate)
        case .provisioning(let placement, let candidate):
            do throws(CreationFailure) {
                try await ProvisionWatch(context: context, id: id).run()
                return (.provisioned, .running)
            } catch {
                return try replaced(placement, candidate, after: error)
            }
        case .running:
            try await PowerWatch(context: context, id: id).run()
            // Azure does not report whether the VM runs, so there are no further events.
            await Event().wait()
            throw ProviderError(.cancelled, .giveUp, during: operation)
        case .ended(let error): throw error
        }
    }

    /// Says where the VM is tried next.
    private func announce(_ placement: PlacementSearch) throws(ProviderError) -> (CreationEvent, State) {
        guard let candidate = placement.next else { throw placement.error(during: operation) }
        return (.trying(place(of: candidate)), .requesting(placement, at: candidate))
    }

    private func place(of candidate: Candidate) -> InstancePlace {
        candidate.place(isConfidential: context.options.isConfidential)
    }

    /// Asks for the VM in one place, until it has an address there.
    private func request(
        _ begun: PlacementSearch, _ candidate: Candidate
    ) async throws(ProviderError) -> (CreationEvent, State) {
        var placement = begun
        // A failed VM of an earlier try is deleted once; a VM that exists after that is an error.
        var hasCleared = false
        while true {
            do throws(CreationFailure) {
                if context.vms[id]?.hasFailed == true { try await clear(after: placement) }
                let attempt = CreationAttempt(
                    context: context, sandbox: sandbox, spec: spec, candidate: candidate,
                    preferred: placement.preferred)
                let addresses = try await attempt.run()
                let instance = Instance(
                    id: id, addresses: addresses, vmID: context.vms[id]?.vmID, place: place(of: candidate))
                return (.addressKnown(instance), .provisioning(placement, at: candidate))
            } catch {
                switch error {
                case .failedVMExists where !hasCleared:
                    hasCleared = true
                    context.vms.update(id) { $0.hasFailed = true }
                case .failedVMExists:
                    throw ProviderError(
                        .operationFailed, .retry(after: .seconds(30)), during: operation,
                        "a failed VM of an earlier try was deleted and is there again")
                case .final(let error): throw error
                case .azure(let fault):
                    if fault.kind == .cancelled { throw ProviderError(fault, during: operation) }
                    return refused(&placement, candidate, fault)
                }
            }
        }
    }

    /// Notes a place that Azure refused. Without another place, the next event is the failure.
    private func refused(
        _ placement: inout PlacementSearch, _ candidate: Candidate, _ fault: ARMError
    ) -> (CreationEvent, State) {
        note(fault, of: candidate, &placement)
        let refused = RefusedTry(
            place: place(of: candidate), code: fault.innermost?.code ?? fault.code,
            detail: redactor.redacted(fault.detail), next: placement.next.map { place(of: $0) })
        return (.refused(refused), .searching(placement))
    }

    /// Handles a VM that had an address and will never run: tries another place, if there is one.
    private func replaced(
        _ begun: PlacementSearch, _ candidate: Candidate, after failure: CreationFailure
    ) throws(ProviderError) -> (CreationEvent, State) {
        let operation = "provision VM \(id)"
        switch failure {
        case .final(let error): throw error
        case .failedVMExists: throw ProviderError(.operationFailed, .giveUp, during: operation)
        case .azure(let fault):
            if fault.kind == .cancelled { throw ProviderError(fault, during: operation) }
            var placement = begun
            note(fault, of: candidate, &placement)
            let error = placement.error(during: operation)
            guard placement.next != nil else { throw error }
            return (.replaced(error.redacted(by: redactor)), .searching(placement))
        }
    }

    /// Refuses invalid requests before the first request to Azure.
    private func check() throws(ProviderError) {
        let body = VMBody(options: context.options, spec: spec, size: VMSize(name: ""), zone: nil, sshPublicKey: "")
        var faults = ResourceTags.faults(in: body.tags)
        if let fault = VMResources(id).fault { faults.append("\(fault).") }
        if let fault = ImageChoice(context.options).fault(spec.requirements) { faults.append(fault) }
        guard faults.isEmpty else {
            throw ProviderError(.rejected, .giveUp, during: operation, faults.joined(separator: " "))
        }
    }

    /// The sizes and zones to try.
    private func placement() async throws(ProviderError) -> PlacementSearch {
        var catalog: SizeCatalog?
        do throws(ARMError) {
            catalog = try await context.sizes.catalog()
        } catch {
            if error.kind == .cancelled || SizeChoice.needsCatalog(spec.requirements) {
                throw ProviderError(error, during: operation)
            }
            // The name alone is enough, and Azure reports a wrong name.
            log.warning(
                "The region's VM sizes could not be read; using the configured sizes by name",
                [LogField("error", error)])
        }
        let sizes: [VMSize]
        do throws(SizeChoice.Refusal) {
            sizes = try SizeChoice(context.options, catalog).sizes(for: spec.requirements)
        } catch {
            throw ProviderError(.rejected, .giveUp, during: operation, "\(error)")
        }
        if spec.requirements.origin == .podSpec, let first = sizes.first, first.vcpus > 0,
            !first.fits(
                vcpus: spec.requirements.vcpus, memoryMiB: spec.requirements.memoryMiB, gpus: spec.requirements.gpus)
        {
            log.warning(
                "The only size is smaller than the pod's spec asks for; name larger sizes with -instance-sizes",
                [LogField("size", first.name), LogField("wanted", spec.requirements.reason)])
        }
        let candidates = Candidate.all(sizes, zones: context.options.zones)
        guard !candidates.isEmpty else {
            let have = sizes.map { "\($0.name) is in \($0.zones.isEmpty ? "none" : $0.zones.joined(separator: ", "))" }
            throw ProviderError(
                .rejected, .giveUp, during: operation,
                "none of the sizes is in zone \(context.options.zones.joined(separator: ", ")) of \(context.options.region): "
                    + "\(have.joined(separator: "; ")). Change -zone, or the size.")
        }
        return PlacementSearch(candidates, memory: context.memory)
    }

    private func note(_ fault: ARMError, of candidate: Candidate, _ placement: inout PlacementSearch) {
        placement.failed(candidate, fault)
        context.metrics.tries.increment(FailurePolicy(fault).code.description)
        context.vms.update(id) { entry in
            entry.hasFailed = true
            entry.operation = nil
        }
        let next = placement.next
        log.warning(
            next == nil
                ? "Azure did not create the VM, and there is no other size or zone to try"
                : "Azure did not create the VM; trying the next size or zone",
            [
                LogField("place", candidate), LogField("error", fault.detail),
                LogField("next", next.map { "\($0)" } ?? "none"),
            ])
    }

    /// Removes the resources of the last try, so that they do not conflict with the next try.
    private func clear(after placement: PlacementSearch) async throws(CreationFailure) {
        do throws(ProviderError) {
            try await VMRemoval(context: context, id: id, sandbox: sandbox).run(keepingEntry: true)
        } catch {
            guard !placement.failures.isEmpty, error.code != .cancelled else { throw .final(error) }
            let told = placement.error(during: operation)
            throw .final(
                ProviderError(
                    told.code, error.advice, during: operation,
                    "\(told.detail); and what this left could not be deleted yet: \(error.detail)"))
        }
        context.vms.update(id) { entry in
            entry.hasFailed = false
            entry.operation = nil
        }
    }
}
