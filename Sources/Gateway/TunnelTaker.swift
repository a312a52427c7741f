internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// Takes the tunnels and the shims' connections of the earlier gateway processes, so that those end.
struct TunnelTaker: Sendable {
    let tunnels: NodeTunnels
    /// The server of the hypervisor socket.
    let hypervisor: Server
    let predecessors: Predecessors
    let moving: MovingTunnels
    /// Where this process receives tunnels.
    let receivingSocket: String
    let loop: EpollLoop
    let logger: Logger

    /// The pause between two looks at an earlier process, which may keep connections for some time.
    private static let pause = Duration.seconds(1)

    private enum Step<Answer: Sendable>: Sendable {
        case answered(Answer)
        case received
    }

    /// Takes all tunnels, until the earlier processes have ended or this task is cancelled.
    func run() async {
        let earlier = predecessors.current
        if earlier.isEmpty { return }
        let listener: Listener
        do {
            listener = try Listener.listen(on: .unix(path: receivingSocket), loop: loop)
        } catch {
            return logger.error(
                "The tunnels of the earlier gateway cannot be taken; it keeps them until their pods end",
                [LogField("error", error)])
        }
        defer { listener.close() }
        for (generation, socket) in earlier.sorted(by: { $0.key < $1.key }) {
            await takeAll(of: generation, at: socket, listener)
        }
    }

    private func takeAll(of generation: Int64, at socket: String, _ listener: Listener) async {
        while !Task.isCancelled {
            guard let stream = try? await Stream.connect(to: .unix(path: socket), on: loop) else { return }
            do {
                let isComplete = try await Client.with(stream, on: loop) { client in
                    try await takeOnce(of: generation, by: client, listener)
                }
                if isComplete { return }
            } catch let status as Status where status.code == .unimplemented {
                return logger.warning(
                    "The earlier gateway cannot give all its connections away; it ends with its last pod",
                    [LogField("generation", generation)])
            } catch {
                logger.warning(
                    "A tunnel of the earlier gateway was not taken; the next attempt follows",
                    [LogField("generation", generation), LogField("error", error)])
            }
            do { try await loop.sleep(for: Self.pause) } catch { return }
        }
    }

    /// Takes what can be moved. Returns whether the earlier process has no tunnel and no connection.
    private func takeOnce(of generation: Int64, by client: Client, _ listener: Listener) async throws -> Bool {
        let list = try await client.call(GatewayControl.list, Empty(), timeout: Generations.timeout)
        let own = list.tunnels.filter { $0.generation == generation }
        for tunnel in own {
            do {
                try await moving.run(tunnel.sandbox) { try await take(tunnel.sandbox, by: client, listener) }
            } catch let status as Status where status.code == .notFound {
                continue
            }
        }
        let connections = try await takeConnections(by: client, listener)
        return own.isEmpty && connections.kept == 0
    }

    private func take(_ sandbox: String, by client: Client, _ listener: Listener) async throws {
        let request = MoveTunnelRequest.with { ($0.sandbox, $0.socket) = (sandbox, receivingSocket) }
        try await exchange(GatewayControl.moveTunnel, request, by: client, isSent: \.isMoved) {
            try await receive(sandbox, from: listener)
        }
    }

    /// Takes the connections of shims that have no call in flight.
    private func takeConnections(by client: Client, _ listener: Listener) async throws -> MoveConnectionsResponse {
        let request = MoveConnectionsRequest.with { $0.socket = receivingSocket }
        return try await exchange(
            GatewayControl.moveConnections, request, by: client, isSent: { $0.moved > 0 }
        ) {
            try await receiveConnections(from: listener)
        }
    }

    /// Calls the earlier process, and receives what it sends before it answers.
    @discardableResult
    private func exchange<Request: Message, Answer: Message>(
        _ method: Method<Request, Answer>, _ request: Request, by client: Client,
        isSent: (Answer) -> Bool, _ receive: @escaping @Sendable () async throws -> Void
    ) async throws -> Answer {
        try await withThrowingTaskGroup(of: Step<Answer>.self) { group in
            group.addTask {
                .answered(try await client.call(method, request, timeout: TunnelTransfer.timeout * 4))
            }
            group.addTask {
                try await receive()
                return .received
            }
            defer { group.cancelAll() }
            var answer = Answer()
            while let step = try await group.next() {
                guard case .answered(let response) = step else { continue }
                answer = response
                if !isSent(response) { break }
            }
            return answer
        }
    }

    private func receiveConnections(from receiver: Listener) async throws {
        let stream = try await receiver.accept()
        defer { stream.close() }
        guard stream.isPeerTrusted else { throw Status(.permissionDenied, "another user has connected") }
        let transfer = TunnelTransfer(connection: stream, loop: loop)
        let clients = try await withDeadline(.now + TunnelTransfer.timeout, on: loop) {
            try await transfer.receiveClients()
        }
        guard try await transfer.awaitOwnership() else {
            throw Status(.aborted, "the other gateway keeps its connections of shims")
        }
        hypervisor.adopt(clients)
        logger.info("Took connections of shims from an earlier gateway", [LogField("connections", clients.count)])
    }

    private func receive(_ sandbox: String, from receiver: Listener) async throws {
        let stream = try await receiver.accept()
        defer { stream.close() }
        guard stream.isPeerTrusted else { throw Status(.permissionDenied, "another user has connected") }
        let transfer = TunnelTransfer(connection: stream, loop: loop)
        let arrival = try await withDeadline(.now + TunnelTransfer.timeout, on: loop) { try await transfer.receive() }
        guard let plan = try arrival.header.plan?.plan(), arrival.header.plan?.sandbox == sandbox else {
            throw Status(.invalidArgument, "the other gateway has sent another tunnel than \(sandbox)")
        }
        var listener: Listener?
        if let socket = arrival.listener.takeFirst() {
            listener = try Listener(adopting: socket, at: .unix(path: plan.socketPath), on: loop)
        }
        var isOwner = false
        // Otherwise the file of the socket would be removed.
        defer { if !isOwner { listener?.leave() } }
        let begin = try tunnels.preparing(plan, for: sandbox, listener, arrival.connections)
        #if DEBUG
            CrashPoint.reach("after a tunnel has arrived")
        #endif
        isOwner = try await transfer.awaitOwnership()
        guard isOwner else { throw Status(.aborted, "the other gateway keeps the tunnel of \(sandbox)") }
        #if DEBUG
            CrashPoint.reach("after a tunnel's ownership has come")
        #endif
        begin()
        logger.info(
            "Took a tunnel from an earlier gateway",
            [LogField("sandbox", sandbox), LogField("connections", arrival.connections.count)])
    }
}

/// The sandboxes whose tunnels move to this process at this moment. Commands for them wait.
final class MovingTunnels: Sendable {
    private let sandboxes = Lock<Set<String>>([])
    private let changes = AsyncCondition()

    /// Runs `body`, which moves a sandbox's tunnel.
    func run(_ sandbox: String, _ body: () async throws -> Void) async throws {
        sandboxes.withLock { _ = $0.insert(sandbox) }
        defer {
            sandboxes.withLock { _ = $0.remove(sandbox) }
            changes.notifyAll()
        }
        try await body()
    }

    /// Returns when the sandbox's tunnel does not move; without a sandbox, when no tunnel does; or at cancellation.
    func wait(for sandbox: String? = nil) async {
        while !Task.isCancelled {
            let generation = changes.generation
            let isFree = sandboxes.withLock { moving in sandbox.map { !moving.contains($0) } ?? moving.isEmpty }
            if isFree { return }
            await changes.wait(past: generation)
        }
    }
}
