internal import JSON
internal import PodVMLifecycle
internal import Telemetry

/// The watch over a VM that is being dialed already, for the news that it will never come.
struct ProvisionWatch: Sendable {
    private static let pause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(60)

    let shop: AzureContext
    let id: InstanceID

    private var operation: String { "provision VM \(id)" }

    /// Returns once Azure calls the VM done.
    func run() async throws(ProviderError) {
        do throws(CreationFailure) {
            try await shop.machines.waiting { () throws(CreationFailure) in try await watch() }
        } catch {
            // Who calls the watch off has the VM running, or will have it deleted.
            if error.isCancelled { rest() }
            throw failure(error)
        }
        rest()
    }

    /// No other try will be made, so what that would need is forgotten.
    private func rest() {
        shop.vms.updateIfKnown(id) { entry in
            entry.operation = nil
            entry.placement = nil
            entry.candidate = nil
            entry.userData = nil
        }
    }

    private func watch() async throws(CreationFailure) {
        var advised = shop.vms[id]?.operation?.retryAfter
        var hasLooked = false
        while true {
            // Without an operation nothing is known of the VM, so the first look is at once.
            let isKnown = shop.vms[id]?.operation != nil
            if isKnown || hasLooked {
                let pause = min(max(advised ?? Self.pause, .seconds(1)), Self.longestPause)
                try await shop.rest(pause * (1 + shop.clock.random() / 10), during: operation)
            }
            hasLooked = true
            do throws(CreationFailure) {
                switch try await shop.news(of: id) {
                case .done: return
                case .underWay(let retryAfter, _): advised = retryAfter
                }
            } catch {
                guard case .azure(let fault) = error, fault.isOnlySilence else { throw error }
                // Nothing is wrong with the VM, as far as anybody knows: it is being dialed meanwhile.
                advised = fault.retryAfter
            }
        }
    }

    /// What the lifecycle is told: to ask again at once if there is another place, and the whole story if not.
    private func failure(_ failure: CreationFailure) -> ProviderError {
        switch failure {
        case .final(let error): return error
        case .remains: return ProviderError(.operationFailed, .giveUp, during: operation)
        case .azure(let fault):
            guard fault.kind != .cancelled, let entry = shop.vms[id], var placement = entry.placement,
                let candidate = entry.candidate
            else { return ProviderError(fault, during: operation) }
            placement.failed(candidate, fault)
            let (failed, next) = (placement, placement.next)
            shop.metrics.tries.increment(Remedy(fault).code.description)
            shop.vms.updateIfKnown(id) { entry in
                entry.placement = failed
                entry.operation = nil
                entry.hasFailed = true
            }
            let error = failed.error(during: operation)
            guard let next else { return error }
            shop.logger.warning(
                "Azure gave up on the VM; it may be had elsewhere",
                [LogField("vm", id), LogField("error", fault.detail), LogField("next", next)])
            return ProviderError(error.code, .retry(after: .zero), during: operation, error.detail)
        }
    }
}
