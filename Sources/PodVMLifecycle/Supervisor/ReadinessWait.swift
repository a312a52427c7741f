/// The wait for a VM's agent: dials the VM, within a time limit, while the provider watches the VM's creation.
struct ReadinessWait: Sendable {
    /// The agent did not answer within the time limit.
    struct TimedOut: Error {
        let instance: Instance
        let limit: Duration
        /// Why the last try to reach the agent failed.
        let lastTry: String?
    }

    let sandbox: SandboxID
    let directory: String
    let instance: Instance
    let creation: any InstanceCreation
    let connector: any PodConnector
    let clock: any LifecycleClock
    let timeout: Duration

    private enum Outcome {
        case answered
        case notConnected(ConnectorError)
        /// The provider reports that this VM will not answer.
        case ended(CreationEvent)
        case timedOut
        case cancelled
    }

    /// Returns nil once the agent has answered, or the event that ended the VM before the answer.
    ///
    /// Throws ``ConnectorError``, ``TimedOut`` or `CancellationError` when the agent was not reached for another
    /// reason. After this returns or throws, no task dials the VM.
    func run() async throws -> CreationEvent? {
        let (outcome, lastTry) = await withTaskGroup(of: Outcome.self) { group in
            group.addTask {
                do throws(ConnectorError) {
                    try await connector.connect(sandbox, in: directory, to: instance)
                    return .answered
                } catch {
                    return .notConnected(error)
                }
            }
            group.addTask {
                while true {
                    let event = await creation.next()
                    if case .provisioned = event { continue }
                    return .ended(event)
                }
            }
            group.addTask {
                do {
                    try await clock.sleep(for: timeout)
                    return .timedOut
                } catch {
                    return .cancelled
                }
            }
            return await first(of: &group)
        }
        switch outcome {
        case .answered: return nil
        case .ended(let event): return event
        case .notConnected(let error): throw error
        case .timedOut: throw TimedOut(instance: instance, limit: timeout, lastTry: lastTry)
        case .cancelled, nil: throw CancellationError()
        }
    }

    /// The first outcome, and the connector's last error, which may come later. Returns once all tasks have ended.
    private func first(of group: inout TaskGroup<Outcome>) async -> (Outcome?, lastTry: String?) {
        var first: Outcome?
        var lastTry: String?
        while let outcome = await group.next() {
            group.cancelAll()
            first = first ?? outcome
            if case .notConnected(let error) = outcome, error.code != .cancelled { lastTry = error.message }
        }
        return (first, lastTry)
    }
}
