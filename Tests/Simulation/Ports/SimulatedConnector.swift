internal import LinuxIO
internal import PodVMLifecycle

/// The connector of one simulated process: it reserves a VXLAN number for each pod, and opens tunnels.
struct SimulatedConnector: PodConnector {
    let world: World
    let process: Int

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        try await perform { state, ending -> Result<PreparedPod, ConnectorError> in
            let pod = state.pod(of: request.id)
            guard ending != .dead, ending != .crashed || state.random.chance(50) else { return .failure(.cancelled) }
            let free = state.node.freeNumbers(of: process)
            guard !free.isEmpty, !state.inject(.preparationFailed, 5) else {
                state.note(.notPrepared, pod)
                return .failure(.failed)
            }
            let number = state.random.pick(free)
            state.node.reserved.append((process, request.id, number))
            state.disk.change(request.id) { directory in
                directory.number = number
                directory.hasDocument = true
            }
            state.note(.prepared, pod, number)
            state.checkVMs()
            return ending == .completed
                ? .success(PreparedPod(agentSocketPath: "\(directory)/agent.ttrpc", vni: UInt32(number)))
                : .failure(.cancelled)
        }
    }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        try await perform { state, ending -> Result<String, ConnectorError> in
            if ending != .completed { return .failure(.cancelled) }
            let hasDocument = state.disk.directory(of: sandbox)?.hasDocument ?? false
            let pod = state.pod(of: sandbox)
            state.check(.documentKept, hasDocument, "pod \(pod) has no boot document")
            return state.inject(.preparationFailed, 2) ? .failure(.failed) : .success("I2Nsb3VkLWNvbmZpZw==")
        }
    }

    func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        try await perform(.vmServes(instance.id)) { state, ending -> Result<Void, ConnectorError> in
            guard ending == .completed else { return .failure(.cancelled) }
            if state.inject(.connectionFailed, state.cloud.faultPercent / 2) {
                state.note(.notConnected, state.pod(of: sandbox))
                return .failure(.failed)
            }
            state.node.disconnect(sandbox)
            state.node.tunnels.append(sandbox)
            state.note(.connected, state.pod(of: sandbox))
            return .success(())
        }
    }

    func started(_ sandbox: SandboxID, in directory: String) async {
        await world.perform(of: process) { state, ending in
            if ending == .dead { return }
            state.disk.change(sandbox) { $0.hasDocument = false }
            state.note(.documentRemoved, state.pod(of: sandbox))
        }
    }

    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {
        await world.perform(of: process) { state, ending in
            guard ending == .completed, !state.node.tunnels.contains(sandbox) else { return }
            state.node.tunnels.append(sandbox)
            state.note(.reopened, state.pod(of: sandbox))
        }
    }

    func disconnect(_ sandbox: SandboxID, in directory: String) async {
        await world.perform(of: process) { state, ending in
            if ending == .dead { return }
            state.node.disconnect(sandbox)
            state.loseAgent(of: sandbox)
            state.note(.disconnected, state.pod(of: sandbox))
        }
    }

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        try await perform { state, ending -> Result<Void, ConnectorError> in
            guard ending != .dead, ending != .crashed || state.random.chance(50) else { return .failure(.cancelled) }
            if state.inject(.releaseFailed, 10) {
                state.note(.notReleased, state.pod(of: sandbox))
                return .failure(.failed)
            }
            state.checkRelease(of: sandbox)
            state.node.release(sandbox)
            state.disk.change(sandbox) { $0.number = nil }
            state.note(.released, state.pod(of: sandbox))
            return .success(())
        }
    }

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? {
        world.withState { state in
            let isOpen = state.pods.contains { $0.id == sandbox && $0.hasAgent }
            return (isOpen ? state.time : state.node.lastUse[sandbox]).map { SimulatedClock.start.advanced(by: $0) }
        }
    }

    func adopt(_ sandbox: SandboxID, in directory: String) {
        world.withState { state in
            guard !state.isDead(process), let number = state.disk.directory(of: sandbox)?.number else { return }
            state.node.reserved.append((process, sandbox, number))
        }
    }

    private func perform<Value: Sendable>(
        _ readiness: Operation.Readiness = .always,
        _ body: @escaping (inout WorldState, Ending) -> Result<Value, ConnectorError>
    ) async throws(ConnectorError) -> Value {
        let result: Result<Value, ConnectorError> = await world.perform(of: process, readiness, body)
        return try result.get()
    }
}

extension WorldState {
    /// The connection of the sandbox's shim to the agent ends.
    mutating func loseAgent(of sandbox: SandboxID) {
        let pod = pod(of: sandbox)
        guard pod >= 0, pods[pod].hasAgent else { return }
        pods[pod].hasAgent = false
        node.lastUse[sandbox] = time
        note(.losesAgent, pod)
    }
}

extension ConnectorError {
    fileprivate static let cancelled = ConnectorError(.cancelled, "the call was cancelled")
    fileprivate static let failed = ConnectorError(.failed, "the call failed")
}
