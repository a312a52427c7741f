internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Watches the power state of a VM that Azure reports as created and whose agent has not answered yet. No operation
/// reports that such a VM has stopped.
struct PowerWatch: Sendable {
    /// The pauses between readings. Most agents answer before the first reading; later readings are less frequent.
    private static let pauses = Duration.seconds(5) ... .seconds(30)
    /// The readings per second of this node, for all VMs that it watches.
    private static let rate = 0.5

    let context: AzureContext
    let id: InstanceID

    private var operation: String { "await the agent of VM \(id)" }

    /// Returns when Azure does not permit the reading of power states.
    func run() async throws(ProviderError) {
        context.watched.withLock { $0 += 1 }
        defer { context.watched.withLock { $0 -= 1 } }
        var pause = Self.pauses.lowerBound
        while true {
            try await rest(pause)
            pause = min(pause * 2, Self.pauses.upperBound)
            let machine: VirtualMachine?
            do throws(ARMError) {
                machine = try await context.resources.virtualMachine(id.rawValue, expand: "instanceView")
            } catch {
                if error.kind == .cancelled { throw ProviderError(error, during: operation) }
                guard error.isTransient else {
                    return context.logger.warning(
                        "Could not read the VM's power state; a VM that stops is noticed only by the time limit (-proxy-timeout)",
                        [LogField("vm", id), LogField("error", error)])
                }
                pause = max(pause, error.retryAfter ?? .zero)
                continue
            }
            if let end = Self.end(machine) {
                var reason = end.reason
                if machine?.power == .stopped { reason += await lastWords() }
                throw ProviderError(.operationFailed, end.advice, during: operation, reason)
            }
            // The VM will soon be stopped, or is being restarted.
            if machine?.power == .stopping { pause = Self.pauses.lowerBound }
        }
    }

    /// What the guest wrote before it switched the VM off, or where to read it, as sentences.
    private func lastWords() async -> String {
        let advice = ". Read the VM's serial console log, if boot diagnostics are on"
        guard context.options.hasBootDiagnostics else { return advice }
        let end = await SerialLog(context: context, id: id).end { reason in
            context.logger.warning(
                "Could not read the VM's serial log", [LogField("vm", id), LogField("error", reason)])
        }
        return end.map { ". The end of its serial log: \($0)" } ?? advice
    }

    private func rest(_ pause: Duration) async throws(ProviderError) {
        let share = Duration.seconds(Double(context.watched.withLock { $0 }) / Self.rate)
        do {
            try await context.clock.sleep(for: max(pause, share) * (1 + context.clock.random() / 10))
        } catch {
            throw ProviderError(.cancelled, .retry(after: .zero), during: operation)
        }
    }

    /// Why the agent will never answer; nil while it still may.
    private static func end(_ machine: VirtualMachine?) -> (reason: String, advice: ProviderError.Advice)? {
        let later = ProviderError.Advice.retry(after: .seconds(30))
        guard let machine else { return ("the VM is gone: it was deleted, or Azure has evicted it", later) }
        if machine.isBeingDeleted { return ("the VM is being deleted, and not by this adaptor", later) }
        if machine.provisioning == .failed || machine.provisioning == .canceled {
            let fault = machine.fault.map { " (\($0.code): \($0.message))" } ?? ""
            return ("the VM's provisioning state is Failed\(fault)", later)
        }
        switch machine.power {
        case .stopped:
            return (
                "the VM has stopped (PowerState/stopped): its guest or an operator has switched it off", .giveUp
            )
        case .deallocated:
            return ("the VM is deallocated: by an operator, a policy or an eviction", later)
        case .on, .stopping, nil: return nil
        }
    }
}
