internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import PodVMLifecycle
internal import TTRPC
internal import Telemetry

/// The methods of `peerpod.Gateway`, for adaptors.
struct ControlService: Sendable {
    let slot: AdaptorSlot
    let tunnels: NodeTunnels
    let counters: GatewayCounters
    let predecessors: Predecessors
    let succession: Succession
    let moving: MovingTunnels
    let giver: TunnelGiver
    let connectionGiver: ConnectionGiver
    let podsDirectory: String
    let generation: Int64
    let logger: Logger

    /// The service, for a server.
    var services: [Service] {
        Service.services(of: [
            GatewayControl.attach.handled { _, request, send in try await attach(request, send) },
            GatewayControl.openTunnel.handled { _, request in try await open(request) },
            GatewayControl.closeTunnel.handled { _, request in try await close(request) },
            GatewayControl.list.handled { _, _ in try await list() },
            GatewayControl.counters.handled { _, _ in status },
            GatewayControl.handOver.handled { _, request in
                try await succession.handOver(to: request)
                return .with { $0.generation = generation }
            },
            GatewayControl.moveTunnel.handled { _, request in try await giver.move(request) },
            GatewayControl.moveConnections.handled { _, request in try await connectionGiver.move(request) },
        ])
    }

    /// The gateway at this moment.
    var status: GatewayStatus {
        .with {
            $0.version = GatewayControl.version
            $0.generation = generation
            $0.pid = Int64(Process.id)
            $0.tunnels = tunnels.count
            counters.fill(&$0)
            let sessions = tunnels.sessions.current
            $0.suspendedSessions = sessions.suspended
            $0.resumedSessions = sessions.resumed
            $0.lostSessions = sessions.lost.values.reduce(0, +)
            $0.answeredChecks = sessions.answered
        }
    }

    /// Makes the caller the attached adaptor, until it goes away or another one attaches.
    private func attach(
        _ request: AttachRequest, _ send: @Sendable (GatewayEvent) async throws -> Void
    ) async throws {
        try check(request)
        let adaptor = slot.attach(request.adaptorSocket)
        #if DEBUG
            CrashPoint.reach("after an adaptor has attached")
        #endif
        counters.countAttachment()
        logger.info("An adaptor has attached", [LogField("socket", adaptor.socket)])
        defer {
            slot.detach(adaptor)
            logger.info("An adaptor has gone away", [LogField("socket", adaptor.socket)])
        }
        try await send(.with { $0.status = status })
        for sandbox in try await marked() { try await send(.with { $0.stoppedSandbox = sandbox.rawValue }) }
        for await sandbox in adaptor.stoppedSandboxes {
            try await send(.with { $0.stoppedSandbox = sandbox })
        }
        try Task.checkCancellation()
        throw Status(.aborted, "another adaptor has attached to the gateway, or a newer gateway has taken over")
    }

    private func check(_ request: AttachRequest) throws(Status) {
        try GatewayControl.check(request.version, of: "adaptor", for: "gateway")
        let path = request.adaptorSocket
        guard path.hasPrefix("/"), path.utf8.count <= SocketAddress.unixPathLimit else {
            throw Status(
                .invalidArgument,
                "the adaptor's socket must be an absolute path of at most \(SocketAddress.unixPathLimit) bytes")
        }
    }

    /// The sandboxes that a stop mark names and that no adaptor has removed yet.
    private func marked() async throws(Status) -> [SandboxID] {
        do {
            let marked = try await ThreadPool.files.run { () throws(FileError) in try StopMark.all(in: podsDirectory) }
            return marked.sorted { $0.rawValue < $1.rawValue }
        } catch {
            throw Status(.internal, "the stop marks cannot be read: \(error)")
        }
    }

    private func open(_ request: OpenTunnelRequest) async throws -> Empty {
        let sandbox = try sandbox(request.sandbox)
        let plan = try request.plan()
        await moving.wait(for: request.sandbox)
        if try await predecessors.tunnels().contains(where: { $0.sandbox == request.sandbox }) { return Empty() }
        #if DEBUG
            CrashPoint.reach("before a tunnel is opened")
            defer { CrashPoint.reach("after a tunnel was opened") }
        #endif
        do {
            try await tunnels.open(plan, for: sandbox.rawValue, connectsAhead: request.connectsAhead)
        } catch is CancellationError {
            throw Status(.aborted, "the tunnel of \(sandbox) was closed while it was opened")
        } catch {
            throw Status(.internal, "the agent socket \(plan.socketPath) cannot be served: \(error)")
        }
        logger.info("Opened a tunnel", [LogField("sandbox", sandbox), LogField("forwarder", plan.forwarder)])
        return Empty()
    }

    private func close(_ request: CloseTunnelRequest) async throws(Status) -> Empty {
        #if DEBUG
            CrashPoint.reach("before a tunnel is closed")
            defer { CrashPoint.reach("after a tunnel was closed") }
        #endif
        await moving.wait(for: request.sandbox)
        let isOwn = await tunnels.close(request.sandbox)
        // An earlier process may have connections of the same sandbox.
        try await predecessors.close(request)
        if isOwn {
            logger.info("Closed a tunnel", [LogField("sandbox", request.sandbox), LogField("reason", request.reason)])
        }
        return Empty()
    }

    private func sandbox(_ text: String) throws(Status) -> SandboxID {
        do {
            return try SandboxID(validating: text)
        } catch {
            throw Status(.invalidArgument, error.message)
        }
    }

    /// The tunnels of this process and of the earlier ones.
    private func list() async throws(Status) -> TunnelList {
        await moving.wait()
        let now = ContinuousClock.now
        let own = tunnels.statuses.map { tunnel in
            TunnelStatus.with {
                $0.sandbox = tunnel.sandbox
                $0.connections = tunnel.connections
                $0.millisecondsSinceUse = tunnel.lastUse.map { Int64($0.duration(to: now) / .milliseconds(1)) } ?? -1
                if tunnel.connections > 0 { $0.millisecondsSinceUse = 0 }
                $0.generation = generation
            }
        }
        let earlier = try await predecessors.tunnels()
        let all = Dictionary(grouping: own + earlier, by: \.sandbox).values.compactMap(Self.merged)
        return .with { $0.tunnels = all.sorted { $0.sandbox < $1.sandbox } }
    }

    /// One tunnel whose connections several processes have. The newest of them has the agent socket.
    private static func merged(_ parts: [TunnelStatus]) -> TunnelStatus? {
        guard var whole = parts.max(by: { $0.generation < $1.generation }) else { return nil }
        whole.connections = parts.reduce(0) { $0 + $1.connections }
        whole.millisecondsSinceUse = parts.map(\.millisecondsSinceUse).filter { $0 >= 0 }.min() ?? -1
        return whole
    }
}
