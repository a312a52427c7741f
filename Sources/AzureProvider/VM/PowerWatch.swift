internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The watch over a VM that Azure calls done and whose agent has not answered yet, for the news that it runs no more: no
/// operation tells that.
struct PowerWatch: Sendable {
    /// Most agents answer before the first reading; then the readings become rarer.
    private static let pauses = Duration.seconds(5) ... .seconds(30)
    /// How many readings this node makes in a second at the most, for all VMs that it watches.
    private static let rate = 0.5

    let context: AzureContext
    let id: InstanceID

    private var operation: String { "await the agent of VM \(id)" }

    /// Returns when Azure does not let us read power states.
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
                        "The VM's power state cannot be read; if the VM stops, only the time-out tells",
                        [LogField("vm", id), LogField("error", error)])
                }
                pause = max(pause, error.retryAfter ?? .zero)
                continue
            }
            if let end = Self.end(machine) {
                throw ProviderError(.operationFailed, end.advice, during: operation, end.reason)
            }
            // Soon it will be stopped, or it is being restarted.
            if machine?.power == .stopping { pause = Self.pauses.lowerBound }
        }
    }

    private func rest(_ pause: Duration) async throws(ProviderError) {
        let share = Duration.seconds(Double(context.watched.withLock { $0 }) / Self.rate)
        do {
            try await context.clock.sleep(for: max(pause, share) * (1 + context.clock.random() / 10))
        } catch {
            throw ProviderError(.cancelled, .retry(after: .zero), during: operation)
        }
    }

    /// Why the agent will never answer; nil while it may.
    private static func end(_ machine: VirtualMachine?) -> (reason: String, advice: ProviderError.Advice)? {
        let later = ProviderError.Advice.retry(after: .seconds(30))
        guard let machine else { return ("the VM is gone: it was deleted, or Azure has evicted it", later) }
        if machine.isBeingDeleted { return ("the VM is being deleted, and not by this adaptor", later) }
        if machine.provisioning == .failed || machine.provisioning == .canceled {
            let fault = machine.fault.map { " (\($0.code): \($0.message))" } ?? ""
            return ("Azure calls the VM failed\(fault)", later)
        }
        switch machine.power {
        case .stopped:
            return (
                "the VM has stopped (PowerState/stopped): its guest has switched it off, or an operator has. Its serial "
                    + "console log tells why a guest did, if boot diagnostics are on", .giveUp
            )
        case .deallocated:
            return ("the VM is deallocated: by an operator, a policy or an eviction", later)
        case .on, .stopping, nil: return nil
        }
    }
}
