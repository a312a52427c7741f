internal import HTTPTransport
internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// One createInstance: asks Azure for the VM, here and there if need be, until one has an address.
struct VMCreation: Sendable {
    let shop: AzureContext
    let sandbox: SandboxID
    let spec: InstanceSpec

    private var id: InstanceID { spec.name }
    private var operation: String { "create VM \(id)" }
    private var log: Logger { shop.logger(of: id, sandbox) }

    /// The VM's addresses, the one to dial first.
    func run() async throws(ProviderError) -> [String] {
        try check()
        var placement = try await placement()
        // Remains are cleared away once; what is there then again is nothing that we understand.
        var hasCleared = false
        while let candidate = placement.next {
            do throws(CreationFailure) {
                if shop.vms[id]?.hasFailed == true { try await clear(after: placement) }
                return try await attempt(candidate, placement)
            } catch {
                switch error {
                case .remains where !hasCleared:
                    hasCleared = true
                    shop.vms.update(id) { $0.hasFailed = true }
                case .remains:
                    throw ProviderError(
                        .operationFailed, .retry(after: .seconds(30)), during: operation,
                        "what an earlier try has left of the VM does not go away")
                case .final(let error): throw error
                case .azure(let fault):
                    if fault.kind == .cancelled { throw ProviderError(fault, during: operation) }
                    note(fault, of: candidate, &placement)
                }
            }
        }
        throw placement.error(during: operation)
    }

    /// What must be refused before Azure is asked.
    private func check() throws(ProviderError) {
        let body = VMBody(options: shop.options, spec: spec, size: VMSize(name: ""), zone: nil, sshPublicKey: "")
        var faults = ResourceTags.faults(in: body.tags)
        if let fault = VMResources(id).fault { faults.append("\(fault).") }
        if let fault = ImageChoice(shop.options).fault(spec.requirements) { faults.append(fault) }
        guard faults.isEmpty else {
            throw ProviderError(.rejected, .giveUp, during: operation, faults.joined(separator: " "))
        }
    }

    /// The search that an earlier call of this process began and left undecided, or a new one.
    private func placement() async throws(ProviderError) -> Placement {
        if let begun = shop.vms[id]?.placement, !begun.failures.isEmpty, begun.next != nil { return begun }
        var catalog: SizeCatalog?
        do throws(ARMError) {
            catalog = try await shop.sizes.catalog()
        } catch {
            if error.kind == .cancelled || SizeChoice.needsCatalog(spec.requirements) {
                throw ProviderError(error, during: operation)
            }
            // The name alone will do, and Azure will say if it does not.
            log.warning("The region's VM sizes are not known; going by names", [LogField("error", error)])
        }
        let sizes: [VMSize]
        do throws(SizeChoice.Refusal) {
            sizes = try SizeChoice(shop.options, catalog).sizes(for: spec.requirements)
        } catch {
            throw ProviderError(.rejected, .giveUp, during: operation, "\(error)")
        }
        let candidates = Candidate.all(sizes, zones: shop.options.zones)
        guard !candidates.isEmpty else {
            let have = sizes.map { "\($0.name) is in \($0.zones.isEmpty ? "none" : $0.zones.joined(separator: ", "))" }
            throw ProviderError(
                .rejected, .giveUp, during: operation,
                "none of the sizes is in zone \(shop.options.zones.joined(separator: ", ")) of \(shop.options.region): "
                    + "\(have.joined(separator: "; ")). Change -zone, or the size.")
        }
        return Placement(candidates, memory: shop.memory)
    }

    private func note(_ fault: ARMError, of candidate: Candidate, _ placement: inout Placement) {
        placement.failed(candidate, fault)
        let (failed, next) = (placement, placement.next)
        shop.metrics.tries.increment(Remedy(fault).code.description)
        shop.vms.update(id) { entry in
            entry.placement = failed
            entry.hasFailed = true
            entry.operation = nil
        }
        log.warning(
            next == nil ? "Azure does not make the VM" : "Azure does not make the VM there; trying elsewhere",
            [
                LogField("place", candidate), LogField("error", fault.detail),
                LogField("next", next.map { "\($0)" } ?? "none"),
            ])
    }

    /// Takes away what the last try has left, so that nothing of it is in the way of the next.
    private func clear(after placement: Placement) async throws(CreationFailure) {
        do throws(ProviderError) {
            try await VMRemoval(shop: shop, id: id, sandbox: sandbox).run(keepingEntry: true)
        } catch {
            guard !placement.failures.isEmpty, error.code != .cancelled else { throw .final(error) }
            let told = placement.error(during: operation)
            throw .final(
                ProviderError(
                    told.code, error.advice, during: operation,
                    "\(told.detail); and what this left could not be deleted yet: \(error.detail)"))
        }
        shop.vms.update(id) { entry in
            entry.hasFailed = false
            entry.operation = nil
        }
    }

    private func attempt(_ candidate: Candidate, _ placement: Placement) async throws(CreationFailure) -> [String] {
        shop.vms.update(id) { entry in
            entry.placement = placement
            entry.candidate = candidate
            entry.operation = nil
            entry.userData = Secret(spec.userData)
        }
        let body = VMBody(
            options: shop.options, spec: spec, size: candidate.size, zone: candidate.zone,
            sshPublicKey: shop.sshPublicKey)
        warnOfOtherTEE(candidate, placement)
        var request = shop.resources.request("PUT", .vm, id.rawValue, body: body.json)
        // Makes a VM or nothing: what is there, whoever's, is never changed.
        request.headers["If-None-Match"] = "*"
        var interface: String?
        do throws(ARMError) {
            let answer = try await shop.arm.send(request)
            interface = try accepted(answer, request, candidate, body.tee)
        } catch {
            interface = try await adopted(after: error)
        }
        if let interface { shop.note(interface: interface, of: id) }
        let wait = AddressWait(shop: shop, id: id, interface: interface)
        let addresses = try await shop.machines.waiting { () throws(CreationFailure) in
            try await shop.interfaces.waiting { () throws(CreationFailure) in try await wait.run() }
        }
        log.debug(
            "The VM has an address", [LogField("place", candidate), LogField("address", addresses.first ?? "none")])
        return addresses
    }

    /// Tells when a pod is about to get a VM that another technology protects than the one of the preferred size.
    private func warnOfOtherTEE(_ candidate: Candidate, _ placement: Placement) {
        guard shop.options.isConfidential, let preferred = placement.preferred?.size,
            preferred.tee != candidate.size.tee
        else { return }
        log.warning(
            "The VM is requested in a size with another TEE than that of the preferred size",
            [
                LogField("place", candidate), LogField("tee", candidate.size.tee.rawValue),
                LogField("preferred", preferred.name), LogField("preferredTEE", preferred.tee.rawValue),
            ])
    }

    /// Azure has taken the VM on. Returns its interface's name, if the answer has it.
    private func accepted(
        _ answer: ARMAnswer, _ request: ARMRequest, _ candidate: Candidate, _ tee: TEE
    ) throws(ARMError) -> String? {
        shop.metrics.tries.increment("accepted")
        shop.vms.update(id) { entry in
            entry.owner = sandbox
            entry.lost = nil
            entry.operation = ARMOperation(answer, of: request)
        }
        log.info(
            "Azure makes the VM",
            [
                LogField("place", candidate), LogField("tee", tee.rawValue),
                LogField("requestID", answer.requestID ?? ""),
            ])
        // What is odd in the answer will be seen when the VM is read.
        guard let node = try? answer.node(of: request) else { return nil }
        return (try? VirtualMachine(node))?.interfaceName
    }

    /// The PUT's answer is not that it makes the VM, or none came: perhaps the VM is there all the same, and ours.
    private func adopted(after error: ARMError) async throws(CreationFailure) -> String? {
        if error.kind == .cancelled || error.mayMeanThatItExists {
            shop.vms.update(id) { $0.lost = shop.clock.now }
        }
        guard error.mayMeanThatItExists else { throw .azure(error) }
        guard
            let machine = try await azure({ () throws(ARMError) in
                try await shop.resources.virtualMachine(id.rawValue)
            })
        else { throw .azure(error) }
        guard machine.belongs(to: sandbox) else {
            shop.vms.forget(id)
            let owner = machine.owner.map { "sandbox \($0)" } ?? "somebody who is not us"
            throw .final(
                ProviderError(
                    .rejected, .giveUp, during: operation,
                    "a VM of this name is there already and belongs to \(owner); it is left alone (\(error.detail))"))
        }
        shop.vms.update(id) { entry in
            entry.owner = sandbox
            entry.lost = nil
        }
        if machine.provisioning == .failed || machine.provisioning == .canceled || machine.isBeingDeleted {
            throw .remains
        }
        shop.metrics.tries.increment("adopted")
        log.info("The VM is there already, and is this sandbox's")
        return machine.interfaceName
    }
}

extension ARMError {
    /// Whether a VM of the name may be there after this answer to a PUT that must not change one.
    fileprivate var mayMeanThatItExists: Bool {
        switch kind {
        case .unanswered, .malformed: true
        // A front end that gave up waiting may have passed it on.
        case .refused(412), .refused(500...599): true
        case .refused(409):
            ["Conflict", "PreconditionFailed", "PropertyChangeNotAllowed", "ResourceExists", "ResourceAlreadyExists"]
                .contains { hasCode($0) }
        default: false
        }
    }
}
