/// The wait for a VM's agent: dialing, against the clock and against the cloud's own bad news.
struct ReadinessWait: Sendable {
    /// The agent was given long enough.
    struct TimedOut: Error {
        let instance: Instance
        let limit: Duration
        /// Why the last try to reach it failed.
        let lastTry: String?
    }

    let sandbox: SandboxID
    let directory: String
    let instance: Instance
    let provider: any CloudProvider
    let connector: any PodConnector
    let clock: any LifecycleClock
    let timeout: Duration

    private enum News {
        case connected
        case notConnected(ConnectorError)
        /// The cloud calls the VM done, and has nothing to say of it any more.
        case unwatched
        case lost(ProviderError)
        case timeIsUp
        case cancelled
    }

    /// Returns once the agent has answered; throws ``ConnectorError``, ``ProviderError``, ``TimedOut`` or
    /// `CancellationError`, whichever is the reason that it never will.
    func make() async throws {
        let fault = await withTaskGroup(of: News.self) { group in
            group.addTask {
                do throws(ConnectorError) {
                    try await connector.connect(sandbox, in: directory, to: instance)
                    return .connected
                } catch {
                    return .notConnected(error)
                }
            }
            group.addTask {
                do throws(ProviderError) {
                    try await provider.awaitProvisioned(instance)
                    try await provider.watch(instance)
                    return .unwatched
                } catch {
                    return .lost(error)
                }
            }
            group.addTask {
                do {
                    try await clock.sleep(for: timeout)
                    return .timeIsUp
                } catch {
                    return .cancelled
                }
            }
            return await verdict(on: &group)
        }
        if let fault { throw fault }
    }

    /// The first bad news, or nil if the good came first; once all who could bring other news have stopped.
    private func verdict(on group: inout TaskGroup<News>) async -> (any Error)? {
        var reason: (any Error)?
        var isTimeUp = false
        var lastTry: String?
        while let news = await group.next() {
            let fault: (any Error)?
            switch news {
            case .connected: fault = nil
            case .unwatched: continue
            case .notConnected(let error):
                if error.code != .cancelled { lastTry = error.message }
                fault = error
            case .lost(let error): fault = error
            case .timeIsUp:
                isTimeUp = reason == nil
                fault = TimedOut(instance: instance, limit: timeout, lastTry: nil)
            case .cancelled: fault = CancellationError()
            }
            group.cancelAll()
            guard let fault else {
                if reason == nil { return nil }
                continue
            }
            reason = reason ?? fault
        }
        return isTimeUp ? TimedOut(instance: instance, limit: timeout, lastTry: lastTry) : reason ?? CancellationError()
    }
}
