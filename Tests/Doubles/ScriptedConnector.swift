package import LinuxIO
package import PodVMLifecycle

/// A connector that does nothing, and whose every answer can be scripted.
package final class ScriptedConnector: PodConnector {
    package enum Call: Hashable, Sendable {
        case prepare
        case userData
        case connect
        case started
        case reopen
        case disconnect
        case release
        case adopt
        case callersReachable
    }

    private let state = Lock((ready: Set<SandboxID>(), connected: Set<SandboxID>(), kept: Set<SandboxID>()))
    package let calls = CallCounter<Call>()
    /// The requests that were prepared, in order.
    package let requests = Lock<[SandboxRequest]>([])
    /// What its calls do, instead of what they are asked.
    package let preparation = Script([], whenCancelled: ConnectorError.gaveUp)
    package let document = Script([], whenCancelled: ConnectorError.gaveUp)
    package let connection = Script([], whenCancelled: ConnectorError.gaveUp)
    package let giving = Script([], whenCancelled: ConnectorError.gaveUp)

    private let use = Lock<ContinuousClock.Instant?>(nil)

    /// What disconnecting waits for, so that it can be made to hang.
    private let obstacle = Lock<Event?>(nil)

    /// What the shims' calls wait for before they can reach the process.
    private let gateway = Lock<Event?>(nil)

    package init() {}

    /// Makes ``callersReachable()`` wait.
    package func holdCallers(until signal: Event) { gateway.withLock { $0 = signal } }

    package func callersReachable() async {
        calls.count(.callersReachable)
        await gateway.withLock { $0 }?.wait()
    }

    /// Makes ``disconnect(_:in:)`` wait.
    package func holdDisconnecting(until signal: Event) { obstacle.withLock { $0 = signal } }

    /// The sandboxes that have something on this node.
    package var prepared: Set<SandboxID> { state.withLock { $0.ready } }
    /// The sandboxes that hold what no other sandbox may have meanwhile.
    package var kept: Set<SandboxID> { state.withLock { $0.kept } }
    /// The sandboxes whose agent is reached.
    package var connected: Set<SandboxID> { state.withLock { $0.connected } }

    package func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        calls.count(.prepare)
        requests.withLock { $0.append(request) }
        return try await preparation.play {
            state.withLock { state in
                state.ready.insert(request.id)
                state.kept.insert(request.id)
            }
            return PreparedPod(agentSocketPath: "\(directory)/agent.ttrpc")
        }
    }

    package func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        calls.count(.userData)
        return try await document.play { "I2Nsb3VkLWNvbmZpZw==" }
    }

    package func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        calls.count(.connect)
        try await connection.play { state.withLock { _ = $0.connected.insert(sandbox) } }
    }

    package func started(_ sandbox: SandboxID, in directory: String) async { calls.count(.started) }

    package func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {
        calls.count(.reopen)
        state.withLock { _ = $0.connected.insert(sandbox) }
    }

    package func disconnect(_ sandbox: SandboxID, in directory: String) async {
        calls.count(.disconnect)
        await obstacle.withLock { $0 }?.wait()
        state.withLock { state in
            state.ready.remove(sandbox)
            state.connected.remove(sandbox)
        }
    }

    package func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        calls.count(.release)
        try await giving.play { state.withLock { _ = $0.kept.remove(sandbox) } }
    }

    /// Says when a client was last connected to each agent socket.
    package func setLastUse(_ time: ContinuousClock.Instant?) { use.withLock { $0 = time } }

    package func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { use.withLock { $0 } }

    package func adopt(_ sandbox: SandboxID, in directory: String) {
        calls.count(.adopt)
        state.withLock { _ = $0.kept.insert(sandbox) }
    }
}

extension ConnectorError {
    /// What a cancelled call throws.
    package static let gaveUp = ConnectorError(.cancelled, "a scripted call was cancelled")
}
