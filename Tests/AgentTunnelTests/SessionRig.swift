import LinuxIO
import TLS
import Telemetry
import TestSupport
import Testing

@testable import AgentTunnel

/// Both ends of a tunnel with a ``CuttingProxy`` between them.
final class SessionRig: Sendable {
    let loop: EpollLoop
    let proxy: CuttingProxy
    let identity: SandboxIdentity
    private let directory: TemporaryDirectory
    private let forwarder: SocketAddress
    private let listener: Lock<Listener?>
    private let times: SessionTimes
    private let responder: NodeTunnel.ResponderFactory
    private let agent: @Sendable (Stream) async throws -> Void
    private let metrics = Metrics()
    private let lines = Lock("")
    private let started = Lock(0)
    private let moves = Lock(0)
    private let pool = TaskPool()
    private let tunnel = Lock<NodeTunnel?>(nil)
    private let makeTunnel = Lock<TunnelMaker?>(nil)
    /// The forwarder's limit of sessions.
    let sessions = Lock(64)

    init(
        _ times: SessionTimes = SessionTimes(),
        agent: @escaping @Sendable (Stream) async throws -> Void = TestTunnel.echo,
        responder: @escaping NodeTunnel.ResponderFactory = { nil }, on loop: EpollLoop
    ) throws {
        self.loop = loop
        self.times = times
        self.agent = agent
        self.responder = responder
        directory = try TemporaryDirectory()
        identity = try SandboxIdentity.make(vmName: "podvm-a")
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        forwarder = listener.address
        self.listener = Lock(listener)
        proxy = try CuttingProxy(to: forwarder, on: loop)
    }

    /// Sends 6 MiB to an agent that echoes, and interrupts the session twenty times on the way; every byte must come back.
    func stream(interruptedBy interrupt: @escaping @Sendable () throws -> Void) async throws {
        let client = try await connect()
        let (interruptions, piece) = (20, 300 << 10)
        let sent = randomBytes((interruptions + 1) * piece, seed: 13)
        let done = Lock(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [loop] in
                // A piece waits for the interruption of the one before, so that the stream does not end before the last one.
                for number in 0...interruptions {
                    try await eventually(on: loop, "interruption \(number - 1)") { done.withLock { $0 } >= number - 1 }
                    try await client.write(Array(sent[number * piece..<(number + 1) * piece]))
                }
                client.shutdownWriting()
            }
            group.addTask { [self] in
                for interruption in 1...interruptions {
                    // In the middle of a piece's way to the agent and back. Each interruption has a connection of its own.
                    try await eventually(on: loop, "the bytes before interruption \(interruption)") {
                        proxy.carried > (2 * interruption - 1) * piece && proxy.accepted >= interruption
                    }
                    try interrupt()
                    done.withLock { $0 = interruption }
                }
            }
            #expect(try await client.readToEnd() == sent)
            try await group.waitForAll()
        }
        #expect(proxy.accepted > interruptions)
    }

    /// Runs everything while `body` runs. The forwarder ends, and another begins, when `restart` returns.
    func run(
        _ body: @escaping @Sendable (SessionRig) async throws -> Void,
        restartingForwarderAt restart: (@Sendable () async -> Void)? = nil
    ) async throws {
        let security = ClientSecurity(context: try identity.clientContext(), serverName: "podvm-a")
        var limits = NodeTunnel.Limits()
        limits.session = times
        let counters = SessionCounters()
        counters.register(in: metrics)
        let node = NodeTunnel(
            try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop),
            to: Dialer(to: proxy.address, security: security, on: loop), limits: limits,
            counters: counters, on: loop, logger: logger, responder: responder)
        makeTunnel.withLock { [loop, logger, responder, proxy, limits] in
            $0 = TunnelMaker { listener in
                NodeTunnel(
                    listener, to: Dialer(to: proxy.address, security: security, on: loop), limits: limits,
                    counters: counters, on: loop, logger: logger, responder: responder)
            }
        }
        tunnel.withLock { $0 = node }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.proxy.run() }
            group.addTask { try await self.runForwarders(restart) }
            group.addTask { try await node.run() }
            group.addTask { await self.pool.run() }
            group.addTask { try await self.serveAgent() }
            try await body(self)
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }

    /// The clients of the tunnel that has the connections.
    var connections: Int { tunnel.withLock { $0?.connections ?? 0 } }

    /// Moves all connections to another tunnel, which listens on a socket of its own, as a newer process does. Returns
    /// the number of connections.
    func move() throws -> Int {
        let number = moves.withLock { moves in
            moves += 1
            return moves
        }
        guard let old = tunnel.withLock({ $0 }), let make = makeTunnel.withLock({ $0 }) else { return 0 }
        let next = make.make(try Listener.listen(on: directory.socket("\(number)"), loop: loop))
        let connections = try old.detachConnections().map { connection in
            try DetachedConnection(connection.stream.release(), session: connection.session, on: loop)
        }
        try next.preparing(connections)()
        pool.start { try? await next.run() }
        tunnel.withLock { $0 = next }
        return connections.count
    }

    func connect() async throws -> Stream { try await Stream.connect(to: directory.socket("agent.ttrpc"), on: loop) }

    /// A new connection to the forwarder, for a session.
    func dial() async throws -> TLSStream? {
        let security = ClientSecurity(context: try identity.clientContext(), serverName: "podvm-a")
        let dialer = Dialer(to: forwarder, security: security, on: loop)
        return try await dialer.connectForSession(deadline: .now + .seconds(20)) as? TLSStream
    }

    /// How many forwarders have begun.
    var forwarders: Int { started.withLock { $0 } }

    /// Whether the metrics have the line `text`.
    func shown(_ text: String) -> Bool { metrics.render().contains(text + "\n") }

    /// Whether the log contains `text`.
    func logged(_ text: String) -> Bool { lines.withLock { $0.contains(text) } }

    private var logger: Logger {
        Logger(level: .debug, format: .human) { [lines] line in
            lines.withLock { $0 += String(decoding: line, as: UTF8.self) }
        }
    }

    private func runForwarders(_ restart: (@Sendable () async -> Void)?) async throws {
        guard let restart else { return try await runForwarder() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.runForwarder() }
            await restart()
            group.cancelAll()
        }
        listener.withLock { $0 = try? Listener.listen(on: forwarder, loop: loop) }
        try await runForwarder()
    }

    private func runForwarder() async throws {
        guard let listener = listener.withLock({ $0 }) else { return }
        var limits = GuestTunnel.Limits()
        limits.session = times
        limits.sessions = sessions.withLock { $0 }
        started.withLock { $0 += 1 }
        try await GuestTunnel(
            listener, security: try identity.serverContext(), agent: directory.socket("agent.sock"), limits: limits,
            on: loop, logger: logger
        ).run()
    }

    private func serveAgent() async throws {
        let listener = try Listener.listen(on: directory.socket("agent.sock"), loop: loop)
        defer { listener.close() }
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let stream = try await listener.accept()
                group.addTask { [agent] in
                    defer { stream.close() }
                    try? await agent(stream)
                }
            }
        }
    }
}

/// Makes a tunnel of a rig. A lock of a closure would wrap the closure again at each access.
private struct TunnelMaker: Sendable {
    let make: @Sendable (Listener) -> NodeTunnel
}
