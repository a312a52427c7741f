internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// One deletion: the VM, if it is the one that is meant, and all resources that were created with it.
struct VMRemoval: Sendable {
    /// Which VM of the name is meant.
    enum Target: Sendable {
        /// The VM whose tags name this sandbox.
        case sandbox(SandboxID)
        /// The VM that was listed: the same tags, and the same id of Azure.
        case listed(ListedInstance)

        /// The sandbox for which the VM was created; nil for a VM without our tags.
        var sandbox: String? {
            switch self {
            case .sandbox(let sandbox): sandbox.rawValue
            case .listed(let instance): instance.tags[InstanceTags.sandbox]
            }
        }
    }

    /// The longest time after which a PUT whose answer was not awaited may take effect.
    static let lostRequestTime = Duration.seconds(10)
    /// The number of reads of an accepted deletion before the deletion is requested again.
    private static let looks = 60
    /// The number of reads of the resources that Azure deletes with the VM, before we delete them.
    private static let lingering = 3

    let context: AzureContext
    let id: InstanceID
    let target: Target

    init(context: AzureContext, id: InstanceID, sandbox: SandboxID) {
        self.context = context
        self.id = id
        target = .sandbox(sandbox)
    }

    init(context: AzureContext, listed: ListedInstance) {
        self.context = context
        id = listed.id
        target = .listed(listed)
    }

    private var names: VMResources { VMResources(id) }
    private var operation: String { "delete VM \(id)" }
    private var log: Logger { context.logger.with("vm", id).with("sandbox", target.sandbox ?? "") }

    /// With `keepingEntry` the record of the VM's tries stays for the next try.
    func run(keepingEntry: Bool = false) async throws(ProviderError) {
        if let fault = names.fault {
            // No pod VM has such a name, so there is nothing to delete for a sandbox.
            guard case .listed = target else { return }
            throw ProviderError(.foreign, .giveUp, during: operation, "it is left alone, because \(fault)")
        }
        let begun = context.clock.now
        do throws(CreationFailure) {
            let isDeleted = try await removeMachine()
            try await removeLeftovers(lingering: isDeleted ? Self.lingering : 0)
            context.metrics.removalSeconds.observe(begun.duration(to: context.clock.now))
        } catch {
            switch error {
            case .azure(let fault): throw ProviderError(fault, during: operation)
            case .final(let error): throw error
            case .failedVMExists: throw ProviderError(.operationFailed, .retry(after: .seconds(5)), during: operation)
            }
        }
        // A VM that gets this name later may belong to another owner.
        if keepingEntry { context.vms.updateIfKnown(id) { $0.owner = nil } } else { context.vms.forget(id) }
    }

    /// Deletes the VM; false if there is none. A VM that does not belong to the sandbox is an error, and then no
    /// resource under its name is deleted.
    private func removeMachine() async throws(CreationFailure) -> Bool {
        // A VM that this process created, or whose tags it has read, need not be read again.
        if needsLook {
            guard let machine = try await findMachine() else { return false }
            guard isTarget(machine) else { throw .final(foreign(machine)) }
            if let interface = machine.interfaceName { context.note(interface: interface, of: id) }
        }
        var request = context.resources.request("DELETE", .vm, id.rawValue)
        // The guest has no data that justifies a graceful shutdown.
        request.query = [("forceDeletion", "true")]
        guard let answer = try await delete(request) else { return false }
        let running = ARMOperation(answer, of: request)
        try await context.machines.waiting { () throws(CreationFailure) in try await awaitEnd(running) }
        // The VM's part of its family's quota is free, unless the VM never had a part.
        if context.vms[id]?.hasFailed != true { context.memory.forgetQuota() }
        return true
    }

    private var needsLook: Bool {
        guard case .sandbox(let sandbox) = target else { return true }
        return context.vms[id]?.owner != sandbox
    }

    private func isTarget(_ machine: VirtualMachine) -> Bool {
        switch target {
        case .sandbox(let sandbox): machine.belongs(to: sandbox)
        case .listed(let listed): machine.tags == listed.tags && machine.vmID == listed.vmID
        }
    }

    /// The VM of this name has other tags. An operator may have changed them, so the VM may still be the sandbox's.
    private func foreign(_ machine: VirtualMachine) -> ProviderError {
        guard case .sandbox(let sandbox) = target else {
            return ProviderError(
                .foreign, .giveUp, during: operation,
                "it has other tags or another id than when it was listed, so it is left alone")
        }
        let tag =
            machine.owner.map { "its tag \(InstanceTags.sandbox) is \"\($0)\"" }
            ?? "it has no tag \(InstanceTags.sandbox)"
        return ProviderError(
            .foreign, .retry(after: .seconds(300)), during: operation,
            "\(tag), so it is left alone. If it is this sandbox's VM, set the tag to \"\(sandbox)\", or delete the VM")
    }

    /// Finds the VM, also if it appears only now: a PUT whose answer was not awaited may take effect late.
    private func findMachine() async throws(CreationFailure) -> VirtualMachine? {
        while true {
            let found = try await azure { () throws(ARMError) in
                try await context.resources.virtualMachine(id.rawValue)
            }
            if let found { return found }
            guard let lost = context.vms[id]?.lost else { return nil }
            let left = Self.lostRequestTime - lost.duration(to: context.clock.now)
            guard left > .zero else {
                context.vms.updateIfKnown(id) { $0.lost = nil }
                return nil
            }
            try await context.rest(min(left, .seconds(3)), during: operation)
        }
    }

    /// Nil when there is nothing to delete.
    private func delete(_ request: ARMRequest) async throws(CreationFailure) -> ARMAnswer? {
        do throws(ARMError) {
            let answer = try await context.arm.send(request)
            return answer.status == 204 ? nil : answer
        } catch {
            if error.reportsAbsence { return nil }
            throw .azure(error)
        }
    }

    /// Returns once the VM does not exist. Only its absence proves that; the operation reports a failure, and when to
    /// read again.
    private func awaitEnd(_ running: ARMOperation?) async throws(CreationFailure) {
        let begun = context.clock.now
        var pause = context.removalTime.expected
        var running = running
        for looks in 1...Self.looks {
            try await context.rest(pause * (1 + context.clock.random() / 10), during: operation)
            var isListed = true
            if looks > 1, context.machines.isCrowded {
                // One list serves many waiting calls.
                let machine = try await context.machine(id)
                isListed = machine != nil
                if machine?.isBeingDeleted == true {
                    pause = nextPause(after: pause)
                    continue
                }
            }
            if let operation = running, looks > 1, isListed {
                switch try await azure({ () throws(ARMError) in try await context.arm.look(operation) }) {
                case .running(let retryAfter):
                    pause = retryAfter ?? nextPause(after: pause)
                    continue
                case .failed(let error): throw .azure(error)
                case .succeeded, .vanished: running = nil
                }
            }
            let isThere = try await azure { () throws(ARMError) in
                try await context.resources.get(.vm, id.rawValue) != nil
            }
            if !isThere {
                context.removalTime.learn(begun.duration(to: context.clock.now), atFirstLook: looks == 1)
                return
            }
            pause = looks == 1 ? running?.retryAfter ?? context.removalTime.expected / 2 : nextPause(after: pause)
        }
        throw .final(
            ProviderError(
                .operationFailed, .retry(after: .seconds(30)), during: operation,
                "Azure accepted the deletion \(begun.duration(to: context.clock.now).components.seconds) s ago, and the VM "
                    + "still exists"))
    }

    private func nextPause(after pause: Duration) -> Duration { min(max(pause * 3 / 2, .seconds(1)), .seconds(15)) }

    /// Removes resources that Azure should have deleted with the VM, or that a failed creation has left.
    private func removeLeftovers(lingering: Int) async throws(CreationFailure) {
        try await removeLeftover(.interface, names.interface, lingering)
        if let other = context.vms[id]?.interface { try await removeLeftover(.interface, other, lingering) }
        try await removeLeftover(.disk, names.disk, lingering)
        if context.options.usesPublicIP { try await removeLeftover(.publicAddress, names.publicAddress, lingering) }
    }

    private func removeLeftover(_ kind: ResourceKind, _ name: String, _ lingering: Int) async throws(CreationFailure) {
        func find() async throws(CreationFailure) -> JSONNode? {
            try await azure { () throws(ARMError) in try await context.resources.get(kind, name) }
        }
        guard var found = try await find() else { return }
        for pause in [1, 2, 4].prefix(lingering) {
            try await context.rest(.seconds(pause), during: operation)
            guard let still = try await find() else { return }
            found = still
        }
        if let owner = owner(of: found, kind) {
            log.warning(
                "The \(kind.word) \(name) belongs to another owner; it is not deleted", [LogField("owner", owner)])
            return
        }
        log.info("Deleting the \(kind.word) \(name), which Azure did not delete with the VM")
        let request = context.resources.request("DELETE", kind, name)
        if let answer = try await delete(request) {
            try await azure { () throws(ARMError) in try await context.arm.finish(answer, of: request) }
        }
        if try await find() != nil {
            throw .final(
                ProviderError(
                    .operationFailed, .retry(after: .seconds(10)), during: operation,
                    "Azure reported the deletion of the \(kind.word) \(name), which still exists"))
        }
    }

    /// The other owner of the resource: a VM of another name, or the sandbox that its tags name.
    private func owner(of node: JSONNode, _ kind: ResourceKind) -> String? {
        if let sandbox = node.members["tags"]?[InstanceTags.sandbox]?.stringValue, sandbox != target.sandbox {
            return LogText.sanitized(sandbox, limit: SandboxID.lengthLimit)
        }
        let machine: String? =
            switch kind {
            case .interface: (try? AzureNetworkInterface(node))?.vm
            case .disk: node.members["managedBy"]?.stringValue.flatMap(ResourceID.nameLast)
            case .vm, .publicAddress: nil
            }
        guard let machine, machine.lowercased() != id.rawValue.lowercased() else { return nil }
        return "VM \(machine)"
    }
}
