import AgentTunnel
import LinuxIO
import PeerPodProtocol
import PodVMLifecycle
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PodConnection

/// A gateway that notes what it is asked, and whose process can end.
private final class TestGateway: Sendable {
    private let listener: Listener
    private let server: Server
    private let pool: TaskPool
    private let streams = Lock<[LinuxIO.Stream]>([])
    private let tunnels: Lock<[String: OpenTunnelRequest]>

    var open: [String] { tunnels.withLock { $0.keys.sorted() } }

    init(
        at path: String, with known: [String] = [], version: Int64 = GatewayControl.version, stopped: String = "",
        in pool: TaskPool, on loop: EpollLoop
    ) throws {
        let tunnels = Lock(Dictionary(uniqueKeysWithValues: known.map { ($0, OpenTunnelRequest()) }))
        self.tunnels = tunnels
        self.pool = pool
        listener = try Listener.listen(on: .unix(path: path), loop: loop)
        server = Server(
            Service.services(of: [
                GatewayControl.attach.handled { _, _, send in
                    try await send(.with { $0.status = .with { $0.version = version } })
                    if !stopped.isEmpty { try await send(.with { $0.stoppedSandbox = stopped }) }
                    await Event().wait()
                },
                GatewayControl.openTunnel.handled { _, request in
                    tunnels.withLock { $0[request.sandbox] = request }
                    return Empty()
                },
                GatewayControl.closeTunnel.handled { _, request in
                    tunnels.withLock { $0[request.sandbox] = nil }
                    return Empty()
                },
                GatewayControl.counters.handled { _, _ in .with { ($0.stopMarks, $0.resumedSessions) = (2, 3) } },
                GatewayControl.list.handled { _, _ in
                    .with { list in
                        list.tunnels = tunnels.withLock { $0.keys.sorted() }.map { id in
                            .with { ($0.sandbox, $0.millisecondsSinceUse) = (id, -1) }
                        }
                    }
                },
            ]), on: loop)
        pool.start { [self] in
            while let connection = try? await listener.accept() {
                streams.withLock { $0.append(connection) }
                pool.start { [server] in await server.serve(connection) }
            }
        }
    }

    /// Ends as a killed process does.
    func kill() {
        listener.close()
        for stream in streams.withLock({ $0 }) { stream.close() }
    }
}

@Suite("An adaptor's tunnels in a gateway")
struct GatewayTunnelsTests {
    private struct Scene: Sendable {
        let directory: TemporaryDirectory
        let pool: TaskPool
        let loop: EpollLoop
        let tunnels: GatewayTunnels

        func gateway(
            with known: [String] = [], version: Int64 = GatewayControl.version, stopped: String = ""
        ) throws -> TestGateway {
            try TestGateway(
                at: directory.path + "/g.sock", with: known, version: version, stopped: stopped, in: pool, on: loop)
        }

        func plan(_ id: SandboxID) -> TunnelPlan {
            TunnelPlan(
                socketPath: "/pods/\(id)/agent.ttrpc", forwarder: .tcp(host: "127.0.0.1", port: 1), credentials: nil)
        }
    }

    private static func run(_ body: @escaping @Sendable (Scene, SandboxID) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let sandbox = try SandboxID(validating: "a")
        try await onLoop { loop in
            let tunnels = GatewayTunnels(
                socket: directory.path + "/g.sock", adaptorSocket: directory.path + "/a.sock", on: loop, logger: .silent
            )
            let scene = Scene(directory: directory, pool: TaskPool(), loop: loop, tunnels: tunnels)
            try await alongside([{ await scene.pool.run() }, { await tunnels.run() }]) {
                try await body(scene, sandbox)
            }
        }
    }

    @Test("count as used while the gateway has not answered, and are those that the gateway lists afterwards")
    func unknown() async throws {
        try await Self.run { scene, sandbox in
            #expect(scene.tunnels.lastUse(of: sandbox) != nil)
            let gateway = try scene.gateway(with: ["b"])
            try await eventually(on: scene.loop) { scene.tunnels.lastUse(of: sandbox) == nil }
            #expect(scene.tunnels.count == 1)
            gateway.kill()
            try await eventually(on: scene.loop) { scene.tunnels.lastUse(of: sandbox) != nil }
        }
    }

    @Test("are opened when there is a gateway, and again in a gateway that does not have them")
    func open() async throws {
        try await Self.run { scene, sandbox in
            scene.tunnels.reopen(scene.plan(sandbox), for: sandbox)
            let other = try SandboxID(validating: "b")
            let opening = Event()
            scene.pool.start {
                try? await scene.tunnels.open(scene.plan(other), for: other)
                opening.set()
            }
            let first = try scene.gateway()
            await opening.wait()
            #expect(first.open == ["a", "b"])
            first.kill()
            let second = try scene.gateway(with: ["c"])
            try await eventually(on: scene.loop) { second.open == ["a", "b", "c"] }
        }
    }

    @Test("have the gateway's counters among the adaptor's metrics, while it is attached")
    func metrics() async throws {
        try await Self.run { scene, _ in
            let metrics = Metrics()
            scene.tunnels.register(in: metrics)
            let gateway = try scene.gateway()
            try await eventually(on: scene.loop) { metrics.render().contains("peerpods_gateway_stop_marks 2\n") }
            #expect(metrics.render().contains("peerpods_gateway_attached 1\n"))
            #expect(metrics.render().contains("peerpods_gateway_sessions_resumed 3\n"))
            gateway.kill()
            try await eventually(on: scene.loop) { metrics.render().contains("peerpods_gateway_attached 0\n") }
            #expect(!metrics.render().contains("peerpods_gateway_stop_marks 2"))
        }
    }

    @Test("are closed by the next gateway when they were closed while there was none")
    func close() async throws {
        try await Self.run { scene, sandbox in
            scene.tunnels.reopen(scene.plan(sandbox), for: sandbox)
            await scene.tunnels.close(sandbox, because: "a test")
            let gateway = try scene.gateway(with: ["a", "b"])
            try await eventually(on: scene.loop) { gateway.open == ["b"] }
            #expect(await scene.tunnels.closeAll() == 0)
            #expect(gateway.open == ["b"])
        }
    }

    @Test("belong to a process that shims reach once the gateway has attached it, or has its caller cancelled")
    func callersReachable() async throws {
        try await Self.run { scene, _ in
            let isReachable = Event()
            let waiting = scene.pool.start {
                await scene.tunnels.callersReachable()
                isReachable.set()
            }
            let newer = try scene.gateway(version: 2)
            try await scene.loop.sleep(for: .milliseconds(100))
            #expect(!isReachable.isSet, "the gateway refuses this adaptor")
            newer.kill()
            let cancelled = scene.pool.start { await scene.tunnels.callersReachable() }
            cancelled.cancel()
            await cancelled.finished()
            _ = try scene.gateway()
            await waiting.finished()
            #expect(isReachable.isSet)
        }
    }

    @Test("come with the sandboxes that the gateway has marked as stopped")
    func stops() async throws {
        try await Self.run { scene, _ in
            _ = try scene.gateway(stopped: "b")
            var stops = scene.tunnels.stoppedSandboxes.makeAsyncIterator()
            #expect(await stops.next() == "b")
        }
    }

    @Test("are not commanded in a gateway of another version")
    func version() async throws {
        try await Self.run { scene, sandbox in
            scene.tunnels.reopen(scene.plan(sandbox), for: sandbox)
            let newer = try scene.gateway(version: 2)
            try await scene.loop.sleep(for: .milliseconds(100))
            #expect(newer.open.isEmpty && scene.tunnels.lastUse(of: sandbox) != nil)
            newer.kill()
            let gateway = try scene.gateway()
            try await eventually(on: scene.loop) { gateway.open == ["a"] }
        }
    }
}
