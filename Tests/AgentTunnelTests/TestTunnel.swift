import LinuxIO
import Telemetry
import TestSupport

@testable import AgentTunnel

/// Both ends of a tunnel on one loop, with an agent behind and a socket in front.
struct TestTunnel: Sendable {
    let directory: TemporaryDirectory
    let loop: EpollLoop
    let forwarder: SocketAddress
    var agent: SocketAddress { directory.socket("agent.sock") }
    var socket: SocketAddress { directory.socket("agent.ttrpc") }

    /// The differences from the usual set-up.
    struct Options: Sendable {
        var isEncrypted = true
        var hasAgent = true
        var guest = GuestTunnel.Limits()
        var node = NodeTunnel.Limits()
        var filter: GuestTunnel.FilterFactory = { nil }
        var isPreconnected = false
        var logger = Logger.silent
    }

    /// Runs a tunnel to an agent that does `answer` with each connection, for as long as `body` takes.
    static func with(
        _ options: Options = Options(), on loop: EpollLoop,
        agent answer: @escaping @Sendable (Stream) async throws -> Void = echo,
        _ body: @escaping @Sendable (TestTunnel) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let identity = try SandboxIdentity.make(vmName: "podvm-a")
        let guestListener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let tunnel = TestTunnel(directory: directory, loop: loop, forwarder: guestListener.address)
        let guest = GuestTunnel(
            guestListener, security: options.isEncrypted ? try identity.serverContext() : nil, agent: tunnel.agent,
            limits: options.guest, on: loop, logger: options.logger, filter: options.filter)
        let security =
            options.isEncrypted
            ? ClientSecurity(context: try identity.clientContext(), serverName: "podvm-a") : nil
        let dialer = Dialer(to: tunnel.forwarder, security: security, on: loop)
        let nodeListener = try Listener.listen(on: tunnel.socket, loop: loop)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await guest.run() }
            let spare = options.isPreconnected ? try await dialer.connect(deadline: .now + .seconds(5)) : nil
            let node = NodeTunnel(
                nodeListener, to: dialer, preconnected: spare, limits: options.node, on: loop, logger: options.logger)
            group.addTask { try await node.run() }
            if options.hasAgent { group.addTask { try await tunnel.serveAgent(answer) } }
            try await body(tunnel)
            group.cancelAll()
            while let result = await group.nextResult() { if case .failure(let error) = result { try ignore(error) } }
        }
    }

    /// Listens where the agent does, and does `answer` with each connection.
    func serveAgent(_ answer: @escaping @Sendable (Stream) async throws -> Void) async throws {
        let listener = try Listener.listen(on: agent, loop: loop)
        defer { listener.close() }
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let stream = try await listener.accept()
                group.addTask {
                    defer { stream.close() }
                    try? await answer(stream)
                }
            }
        }
    }

    /// A new connection to the agent socket.
    func connect() async throws -> Stream { try await Stream.connect(to: socket, on: loop) }

    /// Sends back what comes, until it ends.
    static let echo: @Sendable (Stream) async throws -> Void = { stream in
        while case let bytes = try await stream.read(upTo: 64 << 10), !bytes.isEmpty { try await stream.write(bytes) }
        stream.shutdownWriting()
    }
}

private func ignore(_ error: any Error) throws {
    if !(error is CancellationError) { throw error }
}
