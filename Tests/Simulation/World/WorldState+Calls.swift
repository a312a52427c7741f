internal import PodVMLifecycle

extension WorldState {
    /// Passes the result of a call to its shim, unless the shim has given the call up.
    mutating func answer(_ call: Call, of pod: Int, _ error: LifecycleError?) {
        guard !isDead(call.process), let index = pods[pod].calls.firstIndex(of: call) else { return }
        pods[pod].calls.remove(at: index)
        note(error == nil ? .answered : .refused, pod, call.kind.rawValue)
        if call.isDuplicate { return }
        receive(call.kind, of: pod, error)
    }

    /// Passes the result of a call to its shim.
    mutating func receive(_ kind: Call.Kind, of pod: Int, _ error: LifecycleError?) {
        pods[pod].receive(kind, error)
        guard case .startVM = kind, pods[pod].phase == .running else { return }
        pods[pod].hasAgent = node.tunnels.contains(pods[pod].id) && hasServingVM(pods[pod].id)
    }

    private func hasServingVM(_ sandbox: SandboxID) -> Bool {
        disk.directory(of: sandbox)?.record.flatMap { cloud.vm(named: $0.state.vm) }.map { !$0.isBroken } ?? false
    }

    /// The connections of all calls to a process break. A gateway keeps the calls for the next process.
    mutating func breakCalls(to process: Int, hasGateway: Bool) {
        for pod in pods.indices {
            let broken = pods[pod].calls.filter { $0.process == process }
            pods[pod].calls.removeAll { $0.process == process }
            for call in broken where !call.isDuplicate {
                refuse(call.kind, of: pod, hasGateway: hasGateway)
            }
        }
    }

    /// No process answers the call. A gateway answers StopVM with a stop mark, and keeps other calls.
    mutating func refuse(_ kind: Call.Kind, of pod: Int, hasGateway: Bool) {
        guard hasGateway else {
            return receive(kind, of: pod, LifecycleError(.unavailable, "The connection was closed."))
        }
        if kind == .stopVM, disk.condition == .healthy || disk.directory(of: pods[pod].id) == nil {
            disk.mark(pods[pod].id)
            disk.syncRemovals()
            note(.stopMarked, pod)
            return receive(kind, of: pod, nil)
        }
        pods[pod].unsent.append(kind)
    }

    /// The tunnels of a process end.
    mutating func closeTunnels() {
        for sandbox in node.tunnels { loseAgent(of: sandbox) }
        node.tunnels = []
    }

    /// The shim is killed: its connections close.
    mutating func killShim(_ pod: Int) {
        loseAgent(of: pods[pod].id)
        pods[pod].phase = .dead
        pods[pod].calls = []
        pods[pod].unsent = []
        note(.shimDies, pod)
    }
}
