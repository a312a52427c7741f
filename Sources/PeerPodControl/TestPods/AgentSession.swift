internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// The shim's one connection to a pod's agent, for as long as the pod lives.
///
/// Concurrency: any of the pod's tasks may call every method; the client separates the calls.
struct AgentSession: Sendable {
    let client: Client
    let loop: EpollLoop
    let plan: RunPlan
    let identity: PodIdentity
    let control: PodControl
    let output: PodOutput
    let progress: PodProgress
    let timeouts: ShimTimeouts
    /// Called when the command has ended, before anything of the pod is removed.
    var atTheEnd: @Sendable () async -> Void = {}

    /// Runs the pod's command and returns its status.
    ///
    /// - Throws: ``PodFailure``, also when the agent dies meanwhile, or `CancellationError`.
    func run() async throws -> Int32 {
        try await withThrowingTaskGroup(of: Int32.self) { group in
            group.addTask {
                try await startCommand()
                progress.enter(.run)
                let status = try await runCommandBesideEchoes()
                await atTheEnd()
                progress.enter(.stop)
                await takeDown()
                return status
            }
            group.addTask { try await keepChecking() }
            defer { group.cancelAll() }
            guard let status = try await group.next() else { throw CancellationError() }
            return status
        }
    }

    private func runCommandBesideEchoes() async throws -> Int32 {
        let end = Event()
        async let echoes: Void = runEchoes(until: end)
        let status: Int32
        do {
            status = try await runCommand()
        } catch {
            end.set()
            throw error
        }
        end.set()
        try await echoes
        return status
    }

    /// Makes all calls that a plain pod needs before its command runs, in the shim's order.
    private func startCommand() async throws {
        try await check()
        _ = try await call(AgentService.getGuestDetails, .with { $0.memoryBlockSize = true })
        _ = try await call(
            AgentService.createSandbox,
            .with {
                $0.hostname = identity.name
                $0.sandboxID = identity.sandbox
            }, timeout: timeouts.createSandbox)
        if let policy = plan.policy { _ = try await call(AgentService.setPolicy, .with { $0.policy = policy }) }
        _ = try await call(AgentService.createContainer, .container(identity, running: plan.command))
        _ = try await call(AgentService.startContainer, .with { $0.containerID = identity.sandbox })
    }

    /// Removes the container and the sandbox. Failures are only noted, because StopVM ends both in any case.
    private func takeDown() async {
        do {
            _ = try await call(AgentService.removeContainer, .with { $0.containerID = identity.sandbox })
            _ = try await call(AgentService.destroySandbox, Empty())
        } catch let failure as PodFailure {
            progress.note(failure)
        } catch {
            // Cancelled: StopVM comes next in any case.
        }
    }

    /// Checks the agent's health again and again. One failure is final, as in the shims.
    private func keepChecking() async throws -> Int32 {
        while true {
            try await loop.sleep(for: timeouts.betweenChecks)
            try await check()
        }
    }

    private func check() async throws {
        let health = try await call(AgentService.check, HealthCheckRequest(), timeout: timeouts.check)
        guard health.status == HealthCheckResponse.serving else {
            throw PodFailure(
                operation: AgentService.check.fullName, message: "the agent reports that it is not serving",
                advice: "A kata shim fails the pod in this case; look at the agent's log in the VM.")
        }
    }

    /// Makes a call with the usual deadline.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request
    ) async throws -> Response {
        try await call(method, request, timeout: timeouts.call)
    }

    /// Makes a call.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration?
    ) async throws -> Response {
        do {
            return try await client.call(method, request, timeout: timeout, metadata: shimMetadata)
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw PodFailure(method.fullName, error, on: "the agent")
        }
    }
}

extension CreateContainerRequest {
    /// The pod's only container, which has the sandbox's id, as `ctr run` creates it.
    fileprivate static func container(_ pod: PodIdentity, running command: [String]) -> Self {
        var process = OCIProcess()
        process.arguments = command
        process.environment = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=\(pod.name)",
        ]
        process.workingDirectory = "/"
        process.user = OCIUser()
        var linux = OCILinux()
        linux.cgroupsPath = "/kubepods/\(pod.sandbox)"
        linux.namespaces = ["pid", "ipc", "uts", "mount"].map { type in .with { $0.type = type } }
        var oci = OCISpec()
        oci.version = "1.2.0"
        oci.process = process
        oci.root = .with { $0.path = "/run/kata-containers/\(pod.sandbox)/rootfs" }
        oci.hostname = pod.name
        oci.annotations = [
            "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": pod.sandbox,
            Annotation.podName: pod.name, Annotation.podNamespace: pod.namespace,
        ]
        oci.linux = linux
        return .with {
            $0.containerID = pod.sandbox
            $0.execID = pod.sandbox
            $0.oci = oci
        }
    }
}
