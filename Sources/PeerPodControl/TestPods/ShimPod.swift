internal import KataProtocol
internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import TTRPC
internal import Telemetry

/// One pod, handled as kata's shims handle it in remote mode.
///
///     CreateVM ─> StartVM ─> one agent connection: Check, CreateSandbox, … WaitProcess,
///                            pings all the while ─> RemoveContainer, DestroySandbox ─> StopVM
///
/// StopVM comes last in every case.
struct ShimPod: Sendable {
    let plan: RunPlan
    let identity: PodIdentity
    let control: PodControl
    let output: PodOutput
    var hypervisor: HypervisorSocket
    /// The network that creates the pod's namespace, if the plan requires that.
    var cluster: ClusterNetwork?
    /// Called with the pod's place in the network before its command runs.
    var announce: @Sendable (PodIdentity, PodNetworkInfo) -> Void = { _, _ in }
    var timeouts = ShimTimeouts()
    let progress = PodProgress()

    /// Runs the pod from beginning to end.
    func run() async -> PodOutcome {
        do {
            return try await hypervisor.withConnection { hypervisor in
                var pod = self
                pod.hypervisor = hypervisor
                return await pod.runConnected()
            }
        } catch {
            let failure = PodFailure("connecting to the hypervisor", error, on: hypervisor.path)
            return progress.outcome(of: identity, Task.isCancelled ? .interrupted : .failed(failure))
        }
    }

    private func runConnected() async -> PodOutcome {
        let mayHaveVM = Event()
        let number = Lock<PodNumber?>(nil)
        let result = await untilStopped {
            let networkInfo = try await networkInfo(number)
            return try await live(at: networkInfo, mayHaveVM)
        }
        if mayHaveVM.isSet { await stopVM() }
        // As in Kubernetes, the namespace is removed after the shim has stopped the VM.
        if let number = number.withLock({ $0 }) { await giveBack(number) }
        return progress.outcome(of: identity, result)
    }

    /// Runs `live` until it ends or the pod has to end, and waits for it in both cases.
    private func untilStopped(_ live: @escaping @Sendable () async throws -> Int32) async -> PodOutcome.Result {
        await withTaskGroup(of: PodOutcome.Result.self) { group in
            group.addTask {
                do {
                    return .exited(status: try await live())
                } catch let failure as PodFailure {
                    return .failed(failure)
                } catch {
                    return .interrupted
                }
            }
            group.addTask {
                await control.stop.wait()
                return .interrupted
            }
            defer { group.cancelAll() }
            return await group.next() ?? .interrupted
        }
    }

    /// The pod's place in the network; nil if it has none. A namespace that is created for the pod is noted in `number`
    /// first.
    private func networkInfo(_ number: Lock<PodNumber?>) async throws -> PodNetworkInfo? {
        switch (plan.network, cluster) {
        case (.existing(let path), _):
            // CreateVM will report a fault of the namespace.
            let networks = try? PodNetworkExecutor(logger: Logger.silent)
            guard let interface = try? await networks?.inspect(path) else { return PodNetworkInfo(namespacePath: path) }
            return PodNetworkInfo(
                namespacePath: path, addresses: interface.addresses.map(\.description),
                gateway: interface.routes.first { $0.destination.isEverything }?.gateway?.description)
        case (.made, let cluster?):
            progress.enter(.network)
            let taken = try await cluster.takeNumber()
            number.withLock { $0 = taken }
            try await cluster.makeNamespace(taken)
            return PodNetworkInfo(
                namespacePath: taken.path, addresses: [taken.address.description], gateway: taken.gateway.description)
        case (.none, _), (.made, nil): return nil
        }
    }

    private func giveBack(_ number: PodNumber) async {
        progress.pause()
        do {
            try await cluster?.giveBack(number)
        } catch {
            progress.note(PodFailure("removing the pod's network namespace", network: error))
        }
    }

    private func live(at networkInfo: PodNetworkInfo?, _ mayHaveVM: Event) async throws -> Int32 {
        progress.enter(.create)
        let agentSocketPath = try await createVM(networkInfo, mayHaveVM)
        progress.enter(.start)
        _ = try await hypervisor.call(Hypervisor.startVM, .with { $0.id = identity.sandbox }, timeout: plan.timeout)
        if let networkInfo {
            progress.note(networkInfo)
            announce(identity, networkInfo)
        }
        progress.enter(.agent)
        let stream = try await dial(agentSocketPath)
        return try await Client.with(stream, on: hypervisor.loop) { client in
            let session = AgentSession(
                client: client, loop: hypervisor.loop, plan: plan, identity: identity, control: control,
                output: output, progress: progress, timeouts: timeouts, atTheEnd: { await look(at: networkInfo) })
            return try await session.run()
        }
    }

    /// Requests the report of a single pod's network, while the network still exists.
    private func look(at networkInfo: PodNetworkInfo?) async {
        guard networkInfo != nil, plan.pods == 1 else { return }
        progress.pause()
        do {
            let status = try await hypervisor.call(
                Sandboxes.network, .with { $0.id = identity.sandbox }, timeout: NetworkCommand.patience)
            progress.note(.told(NetworkReport(status: status)))
        } catch let failure as PodFailure {
            progress.note(.untold(failure))
        } catch {
            // Cancelled: the result is not needed any more.
        }
    }

    private func createVM(_ networkInfo: PodNetworkInfo?, _ mayHaveVM: Event) async throws -> String {
        do {
            let answer = try await hypervisor.call(Hypervisor.createVM, createRequest(networkInfo))
            mayHaveVM.set()
            return answer.agentSocketPath
        } catch let refusal as PodFailure {
            throw refusal
        } catch {
            // We closed the connection, and do not know the state of the call at that time.
            mayHaveVM.set()
            throw error
        }
    }

    /// The agent's socket exists once StartVM has answered. But kata's shim retries for a while, so this does too.
    private func dial(_ path: String) async throws -> Stream {
        let deadline = ContinuousClock.now + timeouts.dialAgent
        while true {
            do {
                return try await Stream.connect(to: .unix(path: path), on: hypervisor.loop, deadline: deadline)
            } catch {
                if Task.isCancelled { throw CancellationError() }
                guard ContinuousClock.now < deadline, error is SystemCallError else {
                    throw PodFailure(
                        operation: "dialing the agent", message: "no connection to \(path): \(error)",
                        advice: "StartVM has succeeded, so the adaptor should listen there: see its log.")
                }
                try await hypervisor.loop.sleep(for: .milliseconds(100))
            }
        }
    }

    private func stopVM() async {
        progress.enter(.stop)
        do {
            let request = VMRequest.with { $0.id = identity.sandbox }
            _ = try await hypervisor.call(Hypervisor.stopVM, request, timeout: timeouts.stopVM)
        } catch {
            let failure = PodFailure(Hypervisor.stopVM.fullName, error, on: hypervisor.path)
            let advised = PodFailure(
                operation: failure.operation, message: failure.message,
                advice: "The VM of sandbox \(identity.sandbox) may still exist; peerpodctl status shows what the "
                    + "adaptor has on record. \(failure.advice)")
            if timeouts.onlyLogsStopFailure { progress.warn(advised) } else { progress.note(advised) }
        }
    }

    private func createRequest(_ networkInfo: PodNetworkInfo?) -> CreateVMRequest {
        // The shim always sends all of these; an empty value and "0" mean unset.
        var annotations = [
            Annotation.podName: identity.name, Annotation.podNamespace: identity.namespace,
            Annotation.machineType: "", Annotation.image: "", Annotation.vcpus: "0", Annotation.memory: "0",
            Annotation.gpus: "0", Annotation.gpuModel: "", Annotation.initdata: "",
        ]
        annotations.merge(plan.annotations) { _, given in given }
        return .with {
            $0.id = identity.sandbox
            $0.annotations = annotations
            $0.networkNamespacePath = networkInfo?.namespacePath ?? ""
        }
    }
}
