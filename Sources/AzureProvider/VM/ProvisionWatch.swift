internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// Watches for a failure of the operation that creates a VM, while the VM is being dialed.
struct ProvisionWatch: Sendable {
    private static let pause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(60)

    let context: AzureContext
    let id: InstanceID

    private var operation: String { "provision VM \(id)" }

    /// Returns once Azure reports that it has created the VM.
    func run() async throws(CreationFailure) {
        defer { context.vms.updateIfKnown(id) { $0.operation = nil } }
        try await context.machines.waiting { () throws(CreationFailure) in try await watch() }
    }

    private func watch() async throws(CreationFailure) {
        var advised = context.vms[id]?.operation?.retryAfter
        var hasLooked = false
        while true {
            // Without an operation the VM's state is unknown, so the first read is immediate.
            let isKnown = context.vms[id]?.operation != nil
            if isKnown || hasLooked {
                let pause = min(max(advised ?? Self.pause, .seconds(1)), Self.longestPause)
                try await context.rest(pause * (1 + context.clock.random() / 10), during: operation)
            }
            hasLooked = true
            do throws(CreationFailure) {
                switch try await context.provisioningStatus(of: id) {
                case .done: return
                case .underWay(let retryAfter, _): advised = retryAfter
                }
            } catch {
                guard case .azure(let fault) = error, fault.isTransient else { throw error }
                // Azure does not answer, which says nothing about the VM. The VM is being dialed meanwhile.
                advised = fault.retryAfter
            }
        }
    }
}

extension AzureContext {
    /// The state of a VM's creation in Azure.
    enum ProvisioningStatus {
        /// Azure may say when to read again, and may return the VM.
        case underWay(retryAfter: Duration?, VirtualMachine?)
        case done(VirtualMachine)
    }

    /// Reads the VM's operation. Reads the VM itself when no operation is known, or when one list serves many waiting
    /// calls.
    ///
    /// Throws when the creation has failed.
    func provisioningStatus(of id: InstanceID) async throws(CreationFailure) -> ProvisioningStatus {
        if let running = vms[id]?.operation, !machines.isCrowded {
            switch try await azure({ () throws(ARMError) in try await arm.look(running) }) {
            case .running(let retryAfter): return .underWay(retryAfter: retryAfter, nil)
            case .failed(let error): throw .azure(error)
            case .succeeded, .vanished: vms.updateIfKnown(id) { $0.operation = nil }
            }
        }
        guard let machine = try await machine(id) else {
            // While its operation runs, a list may not contain the VM yet.
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

    /// Why a VM in the state failed has failed: the operation's error, if that is known, or the VM's own.
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
