internal import AgentHealth
internal import AgentTunnel
internal import KataProtocol
public import LinuxIO
internal import TTRPC
public import Telemetry

/// The process that holds the shims' connections, so that they outlive the adaptor.
///
/// It owns the hypervisor socket, every sandbox's agent socket and the TLS connections to the VMs. An adaptor attaches to
/// it, serves the hypervisor calls that the gateway forwards, and commands it to open and close tunnels. A newer gateway
/// process takes the listening sockets; this process then keeps its connections until they end.
public final class Gateway: Sendable {
    private let hypervisor: Server
    private let control: Server
    /// The control socket of this process alone.
    private let ownControl: Listener
    private let succession: Succession
    private let predecessors: Predecessors
    private let taker: TunnelTaker?
    private let tunnels: NodeTunnels
    private let tunnelCheckInterval: Duration
    private let loop: EpollLoop
    private let logger: Logger

    /// How long StopVM is served after the tunnels were closed: kata's shim calls it as soon as its connection breaks.
    private static let stopVMTime = Duration.seconds(2)
    /// The pause between two looks whether a superseded process still has connections.
    private static let remainderPause = Duration.milliseconds(200)
    /// The limits of the control socket. A node has one adaptor, and a second one during an upgrade.
    private static let controlLimits = {
        var limits = ServerLimits.standard
        limits.connections = 64
        return limits
    }()

    private init(
        _ options: GatewayOptions, _ sockets: Generations.Listeners, _ ownControl: Listener, after earlier: [Int64],
        _ generations: Generations, logger: Logger
    ) {
        loop = generations.loop
        self.logger = logger
        self.ownControl = ownControl
        tunnelCheckInterval = options.tunnelCheckInterval
        let (slot, counters) = (AdaptorSlot(), GatewayCounters())
        let answersHealth = options.answersHealth
        tunnels = NodeTunnels(on: loop, logger: logger) { answersHealth ? HealthResponder() : nil }
        predecessors = Predecessors(earlier, of: generations, slot: slot, logger: logger)
        succession = Succession(
            hypervisor: sockets.hypervisor, control: sockets.control, slot: slot, on: loop, logger: logger)
        let moving = MovingTunnels()
        let giver = TunnelGiver(tunnels: tunnels, succession: succession, loop: loop, logger: logger)
        let forwarder = CallForwarder(slot: slot, counters: counters, loop: loop, logger: logger)
        let stops = StopCalls(
            forwarder: forwarder, slot: slot, counters: counters, podsDirectory: options.podsDirectory, loop: loop,
            logger: logger)
        hypervisor = Server(
            [],
            fallback: { call, payload in
                counters.countCall()
                let isStop = call.service == Hypervisor.service && call.method == Hypervisor.stopVM.name
                return try await isStop ? stops.stop(call, payload) : forwarder.forward(call, payload)
            }, on: loop, logger: logger)
        taker =
            options.takesConnections
            ? TunnelTaker(
                tunnels: tunnels, hypervisor: hypervisor, predecessors: predecessors, moving: moving,
                receivingSocket: generations.movingSocket(of: sockets.generation), loop: loop, logger: logger) : nil
        let connectionGiver = ConnectionGiver(server: hypervisor, succession: succession, loop: loop, logger: logger)
        let service = ControlService(
            slot: slot, tunnels: tunnels, counters: counters, predecessors: predecessors, succession: succession,
            moving: moving, giver: giver, connectionGiver: connectionGiver, podsDirectory: options.podsDirectory,
            generation: sockets.generation,
            logger: logger)
        control = Server(service.services, on: loop, limits: Self.controlLimits, logger: logger)
    }

    /// Listens on the gateway's sockets, or takes them from the gateway that serves them. Connections wait until
    /// ``run(until:)``.
    ///
    /// - Throws: ``GatewaySocketError`` with the remedy, or the reason why the running gateway does not pass its sockets.
    public static func start(_ options: GatewayOptions, on loop: EpollLoop, logger: Logger) async throws -> Gateway {
        let generations = Generations(controlSocket: options.controlSocket, loop: loop)
        let taken = try await generations.takeListeners(hypervisorSocket: options.hypervisorSocket)
        let control = try taken?.control ?? GatewaySocketError.listener(at: options.controlSocket, on: loop)
        let hypervisor = try taken?.hypervisor ?? GatewaySocketError.listener(at: options.hypervisorSocket, on: loop)
        let earlier = try await generations.answering()
        let generation = max(taken?.generation ?? 0, earlier.last ?? 0) + 1
        let own = try GatewaySocketError.listener(at: generations.socket(of: generation), on: loop)
        logger.info(
            "The gateway listens",
            [
                LogField("socket", options.hypervisorSocket), LogField("control", options.controlSocket),
                LogField("generation", generation), LogField("earlierGateways", earlier.count),
            ])
        return Gateway(
            options, .init(hypervisor: hypervisor, control: control, generation: generation), own, after: earlier,
            generations, logger: logger)
    }

    /// Serves until `stop`, until a newer process has the sockets and the last connection has ended, or until this task is
    /// cancelled.
    ///
    /// At `stop` the agent connections end first. StopVM is served for some time after that, so that the shims' reaction is
    /// marked before the process ends.
    /// - Throws: `CancellationError`, or the reason why no more connections can be accepted.
    public func run(until stop: Event) async throws {
        defer { for listener in [succession.hypervisor, succession.control, ownControl] { listener.close() } }
        // A service that returns does not end the others; an end does.
        enum Outcome { case service, end }
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            for service in services {
                group.addTask {
                    try await service()
                    return .service
                }
            }
            group.addTask {
                await stop.wait()
                if await self.tunnels.closeAll() > 0 { try await self.loop.sleep(for: Self.stopVMTime) }
                return .end
            }
            group.addTask {
                try await self.awaitRemainder()
                return .end
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next(), outcome == .service {}
        }
    }

    private var services: [@Sendable () async throws -> Void] {
        [
            { await self.tunnels.run() }, { await self.predecessors.run() },
            { await self.taker?.run() }, { await self.hypervisor.serveAdopted() },
            { try await self.hypervisor.serve(self.succession.hypervisor) },
            { try await self.control.serve(self.succession.control) { self.admits($0) } },
            { try await self.control.serve(self.ownControl) { self.admits($0) } },
            { try await ProcessMemory.keepSmall(on: self.loop) }, { try await self.closeUnreachableTunnels() },
        ]
    }

    /// Closes tunnels whose sandbox was removed by an adaptor that ended before it could close them.
    private func closeUnreachableTunnels() async throws {
        while true {
            try await loop.sleep(for: tunnelCheckInterval)
            for sandbox in await tunnels.closeUnreachable() {
                logger.info(
                    "Closed a tunnel",
                    [LogField("sandbox", sandbox), LogField("reason", "the sandbox's directory was removed")])
            }
        }
    }

    /// Returns when a newer process has the sockets and this process has no tunnels and no connections of shims.
    private func awaitRemainder() async throws {
        await succession.isSuperseded.wait()
        try Task.checkCancellation()
        while tunnels.count > 0 || hypervisor.connectionCount > 0 {
            try await loop.sleep(for: Self.remainderPause)
        }
        logger.info("The last pod of this gateway has ended")
    }

    private func admits(_ connection: Stream) -> Bool {
        if connection.isPeerTrusted { return true }
        logger.warning(
            "Refused a client of the gateway's control socket: it runs as another user",
            [LogField("user", connection.peerUser.map { "\($0)" } ?? "unknown")])
        return false
    }
}
