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
