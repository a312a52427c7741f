import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// A gateway in a directory of its own, and its clients.
struct Rig: Sendable {
    let directory: TemporaryDirectory
    let options: GatewayOptions
    let loop: EpollLoop
    let pool = TaskPool()
    let stop = Event()

    var pods: String { options.podsDirectory }

    /// The options of a gateway that leaves connections to the earlier one.
    var keepingOptions: GatewayOptions {
        var options = options
        options.takesConnections = false
        return options
    }

    private init(_ change: (inout GatewayOptions) -> Void, on loop: EpollLoop) throws {
        self.loop = loop
        directory = try TemporaryDirectory()
        var options = GatewayOptions()
        options.hypervisorSocket = directory.path + "/h.sock"
        options.controlSocket = directory.path + "/gateway.sock"
        options.podsDirectory = directory.path + "/pods"
        change(&options)
        self.options = options
        try Files.makeDirectory(options.podsDirectory)
    }

    /// Runs `body` beside a gateway with changed options, and what it starts in the pool.
    static func run(
        _ change: @escaping @Sendable (inout GatewayOptions) -> Void = { _ in },
        _ body: @escaping @Sendable (Rig) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let rig = try Rig(change, on: loop)
            let gateway = try await Gateway.start(rig.options, on: loop, logger: .silent)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await rig.pool.run() }
                group.addTask { try await gateway.run(until: rig.stop) }
                defer { group.cancelAll() }
                try await body(rig)
            }
        }
    }

    /// Calls over a connection of its own, as kata's Go shim does.
    func shim<Result>(_ body: (Client) async throws -> Result) async throws -> Result {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: options.hypervisorSocket), on: loop)
        return try await Client.with(stream, on: loop, body)
    }

    /// Calls over a connection to the control socket.
    func control<Result>(_ body: (Client) async throws -> Result) async throws -> Result {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: options.controlSocket), on: loop)
        return try await Client.with(stream, on: loop, body)
    }

    var status: GatewayStatus {
        get async throws { try await control { try await $0.call(GatewayControl.counters, Empty()) } }
    }

    /// Makes the directory of a sandbox.
    func makeSandbox(_ id: String) throws { try Files.makeDirectory("\(pods)/\(id)") }
}

/// An adaptor that attaches to the rig's gateway and answers by a function.
final class TestAdaptor: Sendable {
    private let rig: Rig
    private let listener: Listener
    private let server: Server
    private let streams = Lock<[LinuxIO.Stream]>([])
    /// The events of the attachment, the status first, and its end.
    let events = Lock<[GatewayEvent]>([])
    let end = Lock<(any Error)?>(nil)

    init(
        _ name: String, in rig: Rig, version: Int64 = GatewayControl.version,
        answer: @escaping Service.Unary = { call, _ in throw Status(.unimplemented, call.method) }
    ) async throws {
        self.rig = rig
        listener = try Listener.listen(on: .unix(path: "\(rig.directory.path)/\(name).sock"), loop: rig.loop)
        server = Server([], fallback: answer, on: rig.loop)
        rig.pool.start { [self] in try? await serve() }
        let control = try await LinuxIO.Stream.connect(to: .unix(path: rig.options.controlSocket), on: rig.loop)
        streams.withLock { $0.append(control) }
        rig.pool.start { [self] in await attach(over: control, version) }
        try await eventually(on: rig.loop) { !events.withLock { $0.isEmpty } || end.withLock { $0 != nil } }
    }

    private func serve() async throws {
        while true {
            let connection = try await listener.accept()
            streams.withLock { $0.append(connection) }
            rig.pool.start { [server] in await server.serve(connection) }
        }
    }

    private func attach(over stream: LinuxIO.Stream, _ version: Int64) async {
        do {
            try await Client.with(stream, on: rig.loop) { client in
                let request = AttachRequest.with {
                    ($0.version, $0.adaptorSocket) = (version, listener.address.description)
                }
                let responses = try await client.call(GatewayControl.attach, request)
                while let event = try await responses.next() { events.withLock { $0.append(event) } }
            }
        } catch {
            end.withLock { $0 = error }
        }
    }

    /// Ends as a killed process does: all connections close, and no call is answered.
    func kill() {
        listener.close()
        for stream in streams.withLock({ $0 }) { stream.close() }
    }

    var stopped: [String] { events.withLock { $0.map(\.stoppedSandbox).filter { !$0.isEmpty } } }
}

/// Expects that `receive` throws when the older gateway sends `bytes` and then closes the connection.
func refuses(_ bytes: [UInt8], _ receive: @Sendable @escaping (TunnelTransfer) async throws -> Void) async throws {
    try await onLoop { loop in
        let (near, far) = try LinuxIO.Stream.pair(on: loop)
        try await near.write(bytes)
        near.close()
        await #expect(throws: (any Error).self) { try await receive(TunnelTransfer(connection: far, loop: loop)) }
    }
}
