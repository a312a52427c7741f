internal import PodVMLifecycle

// What the shims do, and the container runtime around them.

extension Schedule {
    /// One action of one shim.
    func actAsShim() {
        let index = random(world.withState { $0.pods.count })
        let pod = world.withState { $0.pods[index] }
        if !pod.unsent.isEmpty { return resend(index) }
        if !pod.isOver, pod.phase != .new, random(150) == 0 { return killShim(index, pod) }
        guard pod.calls.isEmpty else { return wait(index, pod) }
        switch pod.phase {
        case .new: call(.createVM, of: index)
        case .created: callAfterCreation(index)
        case .running: actWhileRunning(index, pod)
        case .failed: if random(10) == 0 { killShim(index, pod) } else { call(.stopVM, of: index) }
        case .stopped: if random(4) == 0 { call(.stopVM, of: index, isDuplicate: true) } else { removeNamespace(index) }
        case .dead: removeNamespace(index)
        case .creating, .starting, .stopping: break
        }
    }

    /// Lets every shim reach its end; false if there is nothing to do for now.
    func finishShims() -> Bool {
        guard world.withState({ state in state.lockHolder.map { state.processes[$0] == .serving } ?? false })
        else { return false }
        for (index, pod) in world.withState(\.pods).enumerated() where pod.calls.isEmpty {
            if !pod.unsent.isEmpty {
                resend(index)
                return true
            }
            switch pod.phase {
            case .new: continue
            case .created: call(.startVM, of: index)
            case .running:
                if pod.hasAgent { continue }
                call(.stopVM, of: index)
            case .failed: call(.stopVM, of: index)
            case .stopped, .dead:
                if !pod.hasNamespace { continue }
                removeNamespace(index)
            case .creating, .starting, .stopping: continue
            }
            return true
        }
        return false
    }

    /// A shim that waits for an answer sometimes hangs up, or its call is sent twice.
    private func wait(_ index: Int, _ pod: Pod) {
        switch random(20) {
        case 0:
            world.withState { state in
                state.count(.hangUp)
                state.pods[index].calls = []
                if pod.phase == .creating || pod.phase == .starting { state.pods[index].phase = .failed }
                if pod.phase == .stopping { state.receive(.stopVM, of: index, LifecycleError(.cancelled, "")) }
                state.note(.hangsUp, index)
            }
            for call in pod.calls { processes.first { $0.id == call.process }?.cancel(call.id) }
        case 1...2:
            guard let call = pod.calls.first else { return }
            self.call(call.kind, of: index, isDuplicate: true)
        default: break
        }
    }

    private func callAfterCreation(_ index: Int) {
        switch random(20) {
        case 0: call(.createVM, of: index, isDuplicate: true)
        case 1: call(.stopVM, of: index)
        default: call(.startVM, of: index)
        }
    }

    private func actWhileRunning(_ index: Int, _ pod: Pod) {
        if !pod.hasAgent { return call(.stopVM, of: index) }
        switch random(pod.isKept ? 3 : 6) {
        case 0: call(random(2) == 0 ? .startVM : .createVM, of: index, isDuplicate: true)
        case 3...4: call(.stopVM, of: index)
        case 5:
            world.withState { state in
                state.count(.agentLost)
                state.loseAgent(of: pod.id)
            }
        default: break
        }
    }

    private func killShim(_ index: Int, _ pod: Pod) {
        world.withState { state in
            state.count(.shimKilled)
            state.killShim(index)
        }
        for call in pod.calls { processes.first { $0.id == call.process }?.cancel(call.id) }
    }

    /// Containerd or CRI-O removes the network namespace of a sandbox that has ended.
    private func removeNamespace(_ index: Int) {
        world.withState { state in
            guard state.pods[index].hasNamespace else { return }
            state.pods[index].hasNamespace = false
            state.note(.namespaceRemoved, index)
        }
    }

    /// Sends a call of a shim. Without a process that serves, the connection is refused.
    private func call(_ kind: Call.Kind, of index: Int, isDuplicate: Bool = false) {
        let serving = current.flatMap { process in world.withState { $0.isServing(process.id) } ? process : nil }
        let call: Call? = world.withState { state in
            if isDuplicate { state.count(.duplicateCall) } else { state.pods[index].begin(kind) }
            state.note(.calls, index, kind.rawValue)
            guard let serving else {
                if !isDuplicate { state.refuse(kind, of: index, hasGateway: hasGateway) }
                return nil
            }
            let call = Call(id: state.makeID(), kind: kind, process: serving.id, isDuplicate: isDuplicate)
            state.pods[index].calls.append(call)
            return call
        }
        guard let serving, let call else { return }
        serving.send(call, world.withState { $0.pods[index].request }, index)
    }

    /// The gateway sends the calls that no process has answered.
    private func resend(_ index: Int) {
        guard let current, world.withState({ $0.processes[current.id] == .serving }) else { return }
        let kinds = world.withState { state in
            defer { state.pods[index].unsent = [] }
            return state.pods[index].unsent
        }
        for kind in kinds { call(kind, of: index) }
    }
}

extension Pod {
    /// The shim has sent the call.
    fileprivate mutating func begin(_ kind: Call.Kind) {
        switch kind {
        case .createVM: phase = .creating
        case .startVM: phase = .starting
        case .stopVM: phase = .stopping
        }
    }
}
