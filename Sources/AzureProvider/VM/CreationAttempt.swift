internal import HTTPTransport
internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// One try to create a VM in one size and zone, up to the VM's address.
struct CreationAttempt: Sendable {
    let context: AzureContext
    let sandbox: SandboxID
    let spec: InstanceSpec
    let candidate: Candidate
    /// The first choice.
    let preferred: Candidate?

    private var id: InstanceID { spec.name }
    private var operation: String { "create VM \(id)" }
    private var log: Logger { context.logger(of: id, sandbox) }

    /// Returns the VM's addresses. The first one is dialed first.
    func run() async throws(CreationFailure) -> [String] {
        // An earlier try's VM had another `vmId`.
        context.vms.update(id) { entry in
            entry.operation = nil
            entry.vmID = nil
        }
        let body = VMBody(
            options: context.options, spec: spec, size: candidate.size, zone: candidate.zone,
            sshPublicKey: context.sshPublicKey)
        warnOfOtherTEE()
        // The Go adaptor's test suite looks for these words in the log.
        if let image = spec.requirements.image { log.info("Choosing \(image)") }
        var request = context.resources.request("PUT", .vm, id.rawValue, body: body.json)
        // Creates a VM or does nothing: an existing VM is never changed.
        request.headers["If-None-Match"] = "*"
        var interface: String?
        do throws(ARMError) {
            let answer = try await context.arm.send(request)
            interface = try accepted(answer, request, body.tee)
        } catch {
            interface = try await adopted(after: error)
        }
        if let interface { context.note(interface: interface, of: id) }
        let wait = AddressWait(context: context, id: id, interface: interface)
        let addresses = try await context.machines.waiting { () throws(CreationFailure) in
            try await context.interfaces.waiting { () throws(CreationFailure) in try await wait.run() }
        }
        log.debug(
            "The VM has an address", [LogField("place", candidate), LogField("address", addresses.first ?? "none")])
        return addresses
    }

    /// Logs a warning when the technology that protects the pod's VM differs from the technology of the preferred size.
    private func warnOfOtherTEE() {
        guard context.options.isConfidential, let preferred = preferred?.size,
            preferred.tee != candidate.size.tee
        else { return }
        log.warning(
            "The VM is requested in a size with another TEE than that of the preferred size",
            [
                LogField("place", candidate), LogField("tee", candidate.size.tee.rawValue),
                LogField("preferred", preferred.name), LogField("preferredTEE", preferred.tee.rawValue),
            ])
    }

    /// Handles an accepted VM. Returns its interface's name, if the answer has it.
    private func accepted(
        _ answer: ARMAnswer, _ request: ARMRequest, _ tee: TEE
    ) throws(ARMError) -> String? {
        context.metrics.tries.increment("accepted")
        context.vms.update(id) { entry in
            entry.owner = sandbox
            entry.lost = nil
            entry.operation = ARMOperation(answer, of: request)
        }
        log.info(
            "Azure accepted the request for the VM",
            [
                LogField("place", candidate), LogField("tee", tee.rawValue),
                LogField("requestID", answer.requestID ?? ""),
            ])
        // An unreadable answer is not an error: the VM is read later.
        guard let node = try? answer.node(of: request) else { return nil }
        guard let machine = try? VirtualMachine(node) else { return nil }
        context.vms.update(id) { $0.vmID = machine.vmID }
        return machine.interfaceName
    }

    /// The PUT failed or got no answer; nevertheless the VM may exist and belong to this sandbox.
    private func adopted(after error: ARMError) async throws(CreationFailure) -> String? {
        if error.kind == .cancelled || error.mayHaveCreated {
            context.vms.update(id) { $0.lost = context.clock.now }
        }
        guard error.mayHaveCreated else { throw .azure(error) }
        guard
            let machine = try await azure({ () throws(ARMError) in
                try await context.resources.virtualMachine(id.rawValue)
            })
        else { throw .azure(error) }
        guard machine.belongs(to: sandbox) else {
            context.vms.forget(id)
            let owner = machine.owner.map { "sandbox \($0)" } ?? "an unknown owner"
            throw .final(
                ProviderError(
                    .rejected, .giveUp, during: operation,
                    "a VM of this name exists already and belongs to \(owner); it is left alone (\(error.detail))"))
        }
        context.vms.update(id) { entry in
            entry.owner = sandbox
            entry.lost = nil
            entry.vmID = machine.vmID
        }
        if machine.provisioning == .failed || machine.provisioning == .canceled || machine.isBeingDeleted {
            throw .failedVMExists
        }
        context.metrics.tries.increment("adopted")
        log.info("Azure has the VM already, and its tags name this sandbox; using it")
        return machine.interfaceName
    }
}

extension ARMError {
    /// Whether the VM may exist after this answer to a PUT that must not change an existing VM.
    fileprivate var mayHaveCreated: Bool {
        switch kind {
        case .unanswered, .malformed: true
        // A front end that timed out may have forwarded the request.
        case .refused(412), .refused(500...599): true
        case .refused(409):
            ["Conflict", "PreconditionFailed", "PropertyChangeNotAllowed", "ResourceExists", "ResourceAlreadyExists"]
                .contains { hasCode($0) }
        default: false
        }
    }
}
