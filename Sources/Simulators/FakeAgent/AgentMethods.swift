internal import KataProtocol
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// The methods of kata's agent that the stand-in implements; all others are UNIMPLEMENTED.
struct AgentMethods: Sendable {
    let agent: Agent
    let network = AgentNetwork()
    let copies: CopyTarget
    let faults: AgentFaults
    /// Whether processes enter the network namespace that their container names.
    private let entersNamespaces: Bool
    private let calls = CallCount()

    init(agent: Agent, copies: CopyTarget, faults: AgentFaults = AgentFaults(), entersNamespaces: Bool = false) {
        self.agent = agent
        self.copies = copies
        self.faults = faults
        self.entersNamespaces = entersNamespaces
    }

    /// The version string of this agent, which differs from that of the real agent.
    static let version = "fake-pod-vm (a stand-in for kata-agent: no isolation)"
    /// The limit for output in one answer, so that every answer fits into a frame.
    private static let readLimit = 1 << 20

    /// All methods, by service.
    var services: [Service] {
        Service.services(of: health + sandbox + containers + processes + streams + guest + interfaces)
    }

    private func handle<Request, Response>(
        _ method: Method<Request, Response>, by body: @escaping @Sendable (Request) async throws -> Response
    ) -> MethodHandler {
        method.handled { [calls, faults] _, request in
            if let limit = faults.calls, calls.next() > limit {
                ProcessTree.signal(ProcessTree.current, Signals.kill)
            }
            return try await body(request)
        }
    }

    private var health: [MethodHandler] {
        [
            handle(Health.check) { _ in
                .with { $0.status = faults.isNotServing ? HealthCheckResponse.notServing : HealthCheckResponse.serving }
            },
            handle(Health.version) { _ in
                .with {
                    $0.grpcVersion = "0.0.1"
                    $0.agentVersion = AgentMethods.version
                }
            },
        ]
    }

    private var sandbox: [MethodHandler] {
        [
            handle(AgentService.createSandbox) { request in
                try agent.createSandbox(request.sandboxID, request.storages)
                return Empty()
            },
            handle(AgentService.destroySandbox) { _ in
                await agent.destroySandbox()
                return Empty()
            },
            // Accepted and ignored: only a real guest enforces a policy.
            handle(AgentService.setPolicy) { _ in Empty() },
        ]
    }

    private var containers: [MethodHandler] {
        [
            handle(AgentService.createContainer) { request in
                try await agent.createContainer(request, entersNetwork: entersNamespaces)
                return Empty()
            },
            handle(AgentService.startContainer) { request in
                try agent.startContainer(request.containerID)
                return Empty()
            },
            handle(AgentService.removeContainer) { request in
                try await agent.removeContainer(request.containerID)
                return Empty()
            },
            handle(AgentService.updateContainer) { request in
                _ = try agent.container(request.containerID)
                return Empty()
            },
            handle(AgentService.statsContainer) { request in
                ContainerStats(of: try agent.container(request.containerID))
            },
        ]
    }

    private var processes: [MethodHandler] {
        [
            handle(AgentService.execProcess) { request in
                guard let process = request.process else { throw Status(.invalidArgument, "there is no process") }
                try agent.execProcess(request.execID, in: request.containerID, ProcessPlan(process))
                return Empty()
            },
            handle(AgentService.signalProcess) { request in
                let container = try agent.container(request.containerID)
                let number = Int32(truncatingIfNeeded: request.signal)
                guard 0...64 ~= number else { throw Status(.invalidArgument, "\(number) is no signal") }
                if request.execID.isEmpty {
                    container.signal(number)
                } else {
                    try container.process(request.execID).signal(number)
                }
                return Empty()
            },
            handle(AgentService.waitProcess) { request in
                let process = try agent.container(request.containerID).process(request.execID)
                let status = try await process.wait()
                return .with { $0.status = status }
            },
            handle(AgentService.ttyWinResize) { request in
                let process = try agent.container(request.containerID).process(request.execID)
                try await process.resize(
                    columns: UInt16(clamping: request.columns), rows: UInt16(clamping: request.rows))
                return Empty()
            },
        ]
    }

    private var streams: [MethodHandler] {
        [
            handle(AgentService.readStdout) { request in try await read(.standard, request) },
            handle(AgentService.readStderr) { request in try await read(.error, request) },
            handle(AgentService.writeStdin) { request in
                let process = try agent.container(request.containerID).process(request.execID)
                try await process.write(request.data[...])
                return .with { $0.length = UInt32(request.data.count) }
            },
            handle(AgentService.closeStdin) { request in
                try await agent.container(request.containerID).process(request.execID).closeInput()
                return Empty()
            },
        ]
    }

    private var guest: [MethodHandler] {
        [
            handle(AgentService.getGuestDetails) { _ in
                .with {
                    $0.agent = .with { details in
                        details.version = AgentMethods.version
                        details.storageHandlers = ["image_guest_pull", "local", "ephemeral"]
                    }
                }
            },
            // The clock, the processors and the random numbers are the machine's.
            handle(AgentService.setGuestDateTime) { _ in Empty() },
            handle(AgentService.onlineCPUMem) { _ in Empty() },
            handle(AgentService.reseedRandomDev) { _ in Empty() },
            handle(AgentService.copyFile) { request in
                try copies.accept(request)
                return Empty()
            },
            handle(AgentService.getMetrics) { _ in
                let text = """
                    # HELP fake_pod_vm_containers Containers that the stand-in for the agent has.
                    # TYPE fake_pod_vm_containers gauge
                    fake_pod_vm_containers \(agent.containerCount)

                    """
                return .with { $0.metrics = text }
            },
            handle(AgentService.getVolumeStats) { request in
                let space = try agent.files.space(at: request.path)
                return .with { $0.usage = [VolumeUsage(space.bytes, unit: 1), VolumeUsage(space.files, unit: 2)] }
            },
            handle(AgentService.getOOMEvent) { _ in
                // No memory is limited here, so no container runs out of memory and the call does not return.
                try await Promise<OOMEvent>().value()
            },
        ]
    }

    private var interfaces: [MethodHandler] {
        [
            handle(AgentService.updateInterface) { request in
                guard let interface = request.interface else { throw Status(.invalidArgument, "there is no interface") }
                network.update(interface)
                return interface
            },
            handle(AgentService.updateRoutes) { request in
                network.replaceRoutes(request.routes ?? Routes())
                return network.routes
            },
            handle(AgentService.listInterfaces) { _ in .with { $0.interfaces = network.interfaces } },
            handle(AgentService.listRoutes) { _ in network.routes },
        ]
    }

    private func read(_ output: AgentProcess.Output, _ request: ReadStreamRequest) async throws -> ReadStreamResponse {
        let process = try agent.container(request.containerID).process(request.execID)
        let limit = min(Int(request.length), AgentMethods.readLimit)
        if limit == 0 { throw Status(.invalidArgument, "a read of no bytes") }
        let bytes = try await process.read(output, upTo: limit)
        return .with { $0.data = bytes }
    }
}

extension ProcessPlan {
    /// The plan of an OCI process, without its isolation.
    init(_ process: OCIProcess) {
        self.init(
            arguments: process.arguments, environment: process.environment,
            workingDirectory: process.workingDirectory, hasTerminal: process.terminal,
            user: User(
                uid: process.user?.uid ?? 0, gid: process.user?.gid ?? 0, groups: process.user?.additionalGIDs ?? []),
            isUnprivileged: process.noNewPrivileges)
    }
}

extension ContainerStats {
    /// The resource usage of a container's living processes, without that of processes that have ended.
    fileprivate init(of container: Container) {
        self.init()
        let living = container.living
        let ticks = living.reduce(0) { $0 + $1.processorTime }
        let memory = living.reduce(0) { $0 + (SystemInfo.residentBytes(of: $1.pid) ?? 0) }
        cgroup = .with { cgroup in
            // A tick is 10 ms on every architecture that has VMs.
            cgroup.cpu = .with { cpu in cpu.usage = .with { $0.total = ticks * 10_000_000 } }
            cgroup.memory = .with { all in all.usage = .with { $0.usage = UInt64(memory) } }
            cgroup.pids = .with { $0.current = UInt64(living.count) }
        }
    }
}

extension VolumeUsage {
    fileprivate init(_ space: Files.Space.Count, unit: UInt32) {
        self.init()
        (available, total, used) = (space.available, space.total, space.total - space.free)
        self.unit = unit
    }
}
