internal import LinuxIO

/// Runs all pods of a plan, a limited number at a time.
struct PodRunner: Sendable {
    let plan: RunPlan
    let loop: EpollLoop
    let control: RunControl
    /// The destination of a pod's output, by the pod's name.
    let output: @Sendable (String) -> PodOutput
    var cluster: ClusterNetwork?
    /// Called with each pod's place in the network before its command runs.
    var announce: @Sendable (PodIdentity, PodNetworkInfo) -> Void = { _, _ in }

    /// Returns when every pod that began has ended, with the outcomes in the order of the pods' names.
    func run() async -> [PodOutcome] {
        let names = plan.podNames
        let next = Lock(0)
        return await withTaskGroup(of: [(Int, PodOutcome)].self) { group in
            for _ in 0..<min(plan.concurrency, names.count) {
                group.addTask {
                    var outcomes: [(Int, PodOutcome)] = []
                    while case let number = take(next), number < names.count, let pod = control.begin(number) {
                        outcomes.append((number, await run(names[number], pod)))
                        control.end(number)
                    }
                    return outcomes
                }
            }
            var outcomes: [(Int, PodOutcome)] = []
            for await some in group { outcomes += some }
            return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func take(_ next: Lock<Int>) -> Int {
        next.withLock { number in
            defer { number += 1 }
            return number
        }
    }

    private func run(_ name: String, _ control: PodControl) async -> PodOutcome {
        let identity = PodIdentity(name: name, namespace: plan.namespace, sandbox: randomSandboxID())
        return await ShimPod(
            plan: plan, identity: identity, control: control, output: output(name),
            hypervisor: HypervisorSocket(path: plan.socket, loop: loop, keepsConnection: plan.shim == .rust),
            cluster: cluster, announce: announce, timeouts: ShimTimeouts(of: plan.shim)
        ).run()
    }
}
