internal import PodVMLifecycle

extension AzureContext {
    /// How far Azure is with creating a VM.
    enum ProvisioningStatus {
        /// Azure may say when to look again, and what there is of the VM.
        case underWay(retryAfter: Duration?, VirtualMachine?)
        case done(VirtualMachine)
    }

    /// Looks at the VM's operation; at the VM itself when none is known, or when one list tells many waiters of theirs.
    ///
    /// Throws when Azure has failed at it.
    func provisioningStatus(of id: InstanceID) async throws(CreationFailure) -> ProvisioningStatus {
        if let running = vms[id]?.operation, !machines.isCrowded {
            switch try await azure({ () throws(ARMError) in try await arm.look(running) }) {
            case .running(let retryAfter): return .underWay(retryAfter: retryAfter, nil)
            case .failed(let error): throw .azure(error)
            case .succeeded, .vanished: vms.updateIfKnown(id) { $0.operation = nil }
            }
        }
        guard let machine = try await machine(id) else {
            // While its operation runs, a list need not have it yet.
            if vms[id]?.operation != nil { return .underWay(retryAfter: nil, nil) }
            throw .azure(
                failure(
                    of: id,
                    "Azure reports the operation as ended, or does not know it any more, and the VM does not exist"))
        }
        if machine.isBeingDeleted { throw .azure(failure(of: id, "the VM is being deleted, and not by this adaptor")) }
        switch machine.provisioning {
        case .succeeded: return .done(machine)
        case .running: return .underWay(retryAfter: nil, machine)
        case .failed, .canceled: throw .azure(try await reason(of: id))
        }
    }

    /// Why a VM that calls itself failed has failed: in its operation's words, if that is known, or in its own.
    private func reason(of id: InstanceID) async throws(CreationFailure) -> ARMError {
        if let running = vms[id]?.operation,
            case .failed(let error) = try await azure({ () throws(ARMError) in try await arm.look(running) })
        {
            return error
        }
        let machine = try await azure { () throws(ARMError) in
            try await resources.virtualMachine(id.rawValue, expand: "instanceView")
        }
        let fault = machine?.fault ?? (code: "", message: "the VM's provisioning state is Failed")
        var error = failure(of: id, fault.message)
        error.code = fault.code
        return error
    }

    func failure(of id: InstanceID, _ words: String) -> ARMError {
        ARMError(.operationFailed, during: "PUT virtualMachines/\(id)", words)
    }
}
