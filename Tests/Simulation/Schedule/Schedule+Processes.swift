internal import PodVMLifecycle

// The lives of the adaptor.

extension Schedule {
    /// The most jobs that the tasks of a crashed process may need to end.
    private static let unwindingLimit = 100_000

    /// Starts a process. While another process has the lock on the pods directory, it is a standby.
    func startProcess() {
        guard processes.count < 2 else { return }
        let id = world.withState { state in
            state.processes.append(.waiting)
            state.note(.processStarts, state.processes.count - 1)
            return state.processes.count - 1
        }
        processes.append(NodeProcess(id: id, world: world, hasGateway: hasGateway, defect: defect))
    }

    /// Ends the process between two of its steps. What it had asked of disk and cloud may take effect.
    func crash(_ process: NodeProcess) {
        world.withState { state in
            state.count(.crash)
            state.note(.processCrashes, process.id)
        }
        abandon(process)
    }

    /// The node loses power: the process, the shims and all that was not synced.
    func cutPower() {
        world.withState { state in
            state.count(.powerCut)
            state.note(.powerCut)
        }
        for process in processes { abandon(process) }
        world.withState { state in
            var faults: [Fault] = []
            state.disk.cutPower(&state.random) { faults.append($0) }
            for fault in faults { state.count(fault) }
            state.closeTunnels()
            state.node.lastUse = [:]
            for pod in state.pods.indices where state.pods[pod].phase != .new {
                if !state.pods[pod].isOver { state.killShim(pod) }
                state.pods[pod].hasNamespace = false
            }
        }
    }

    /// SIGTERM: the process refuses starts, and later its tasks are cancelled. A standby ends.
    func terminate() {
        guard let process = current else { return }
        guard world.withState({ $0.isServing(process.id) }) else { return }
        let isEnding = world.withState { state in
            let isEnding = state.processes[process.id] == .ending
            if !isEnding {
                state.count(.termination)
                state.processes[process.id] = .ending
                state.note(.processEnding, process.id)
            }
            return isEnding
        }
        if isEnding { process.cancelAll() } else { process.refuseStarts() }
    }

    /// Forgets a process whose tasks have all ended.
    func buryEnded(_ process: NodeProcess) {
        guard process.hasEnded, processes.contains(where: { $0 === process }) else { return }
        world.withState { state in
            state.processes[process.id] = .dead
            state.note(.processEnds, process.id)
            leave(process, &state)
        }
        processes.removeAll { $0 === process }
    }

    /// What the end of a process means for the lock and for the shims.
    private func leave(_ process: NodeProcess, _ state: inout WorldState) {
        state.node.forget(process.id)
        state.breakCalls(to: process.id, hasGateway: hasGateway)
        guard state.lockHolder == process.id else { return }
        state.lockHolder = nil
        if !hasGateway { state.closeTunnels() }
    }

    /// Lets the tasks of a crashed process end against ports without effect.
    private func abandon(_ process: NodeProcess) {
        let resumptions = world.withState { state in
            let operations = state.operations.filter { $0.process == process.id }
            state.operations.removeAll { $0.process == process.id }
            var resumptions = operations.map { operation in
                let resume = operation.finish(&state, .crashed)
                return resume
            }
            state.processes[process.id] = .dead
            resumptions += state.sleepers.filter { $0.process == process.id }.map { sleeper in { sleeper.wake(false) } }
            state.sleepers.removeAll { $0.process == process.id }
            leave(process, &state)
            return resumptions
        }
        processes.removeAll { $0 === process }
        for resume in resumptions { resume() }
        process.cancelAll()
        var jobs = 0
        while process.executor.ready > 0, jobs < Self.unwindingLimit {
            process.executor.run(at: 0)
            jobs += 1
        }
        world.withState { state in
            state.check(.processUnwinds, process.hasEnded, "process \(process.id) has tasks after \(jobs) jobs")
            state.check(.noEscape, process.executor.escapes == 0, "a job came from another thread")
        }
    }
}
