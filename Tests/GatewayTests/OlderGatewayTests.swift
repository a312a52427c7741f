import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import Gateway

@Suite("A gateway of an earlier version")
struct OlderGatewayTests {
    /// An earlier version: it passes its listening sockets on, and does not know all methods that move connections.
    private final class OlderGateway: Sendable {
        let options: GatewayOptions
        /// The methods that move something and that a newer gateway has called.
        let moves = Lock<[String]>([])
        private let directory: TemporaryDirectory
        private let listeners: [Listener]
        private let succession: Succession
        private let loop: EpollLoop

        init(on loop: EpollLoop) throws {
            self.loop = loop
            directory = try TemporaryDirectory()
            var options = GatewayOptions()
            options.hypervisorSocket = directory.path + "/h.sock"
            options.controlSocket = directory.path + "/gateway.sock"
            options.podsDirectory = directory.path
            self.options = options
            listeners = try [options.hypervisorSocket, options.controlSocket, options.controlSocket + ".1"].map {
                try Listener.listen(on: .unix(path: $0), loop: loop)
            }
            succession = Succession(
                hypervisor: listeners[0], control: listeners[1], slot: AdaptorSlot(), on: loop, logger: .silent)
        }

        /// Serves shims and newer gateways. Without tunnels, a newer gateway has only connections to move.
        func serve(in pool: TaskPool, tunnels: [String]) {
            let shims = Server([], fallback: { _, _ in [1] }, on: loop)
            let control = Server(
                Service.services(of: [
                    GatewayControl.handOver.handled { [succession] _, request in
                        try await succession.handOver(to: request)
                        return .with { $0.generation = 1 }
                    },
                    GatewayControl.list.handled { _, _ in
                        .with { list in
                            list.tunnels = tunnels.map { name in
                                .with { ($0.sandbox, $0.generation, $0.connections) = (name, 1, 1) }
                            }
                        }
                    },
                ]),
                fallback: { [moves] call, _ in
                    if call.method.hasPrefix("Move") { moves.withLock { $0.append(call.method) } }
                    throw Status(.unimplemented, "unknown method \(call.method)")
                }, on: loop)
            pool.start { [listeners] in try? await shims.serve(listeners[0]) }
            for listener in listeners.dropFirst() { pool.start { try? await control.serve(listener) } }
        }
    }

    @Test(
        "keeps its connections, and the newer one serves the new ones and does not ask again", arguments: [[], ["a"]])
    func unimplemented(tunnels: [String]) async throws {
        try await onLoop { loop in
            let pool = TaskPool()
            let older = try OlderGateway(on: loop)
            let lines = Lock<[String]>([])
            let logger = Logger(level: .warning, format: .json) { line in
                lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
            try await alongside({ await pool.run() }) {
                older.serve(in: pool, tunnels: tunnels)
                let cached = Client(
                    try await LinuxIO.Stream.connect(to: .unix(path: older.options.hypervisorSocket), on: loop),
                    on: loop)
                pool.start { await cached.run() }
                #expect(try await cached.call("s", "m", []) == [1])
                let newer = try await Gateway.start(older.options, on: loop, logger: logger)
                pool.start { try? await newer.run(until: Event()) }
                try await eventually(on: loop) {
                    lines.withLock { $0.contains { $0.contains("cannot give all its connections away") } }
                }
                #expect(try await cached.call("s", "m", []) == [1], "the connection stays where it is")
                #expect(older.moves.withLock { $0 } == [tunnels.isEmpty ? "MoveConnections" : "MoveTunnel"])
                let control = try await LinuxIO.Stream.connect(to: .unix(path: older.options.controlSocket), on: loop)
                let status = try await Client.with(control, on: loop) {
                    try await $0.call(GatewayControl.counters, Empty())
                }
                #expect(status.generation == 2)
                cached.close()
            }
        }
    }
}
