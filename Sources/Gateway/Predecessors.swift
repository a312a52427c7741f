internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The earlier gateway processes, which still hold connections of shims.
///
/// This process attaches the adaptor to each of them in the adaptor's place, passes their events on, and forwards the
/// commands for their tunnels.
struct Predecessors: Sendable {
    private let sockets: Lock<[Int64: String]>
    private let slot: AdaptorSlot
    private let loop: EpollLoop
    private let logger: Logger

    /// The pause before an earlier process is tried again.
    private static let pause = Duration.milliseconds(500)

    init(_ generations: [Int64], of all: Generations, slot: AdaptorSlot, logger: Logger) {
        sockets = Lock(Dictionary(uniqueKeysWithValues: generations.map { ($0, all.socket(of: $0)) }))
        self.slot = slot
        loop = all.loop
        self.logger = logger
    }

    /// The control sockets of the earlier processes that have not ended.
    var current: [Int64: String] { sockets.withLock { $0 } }

    /// Attaches the adaptor to each earlier process, until all of them have ended or this task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for (generation, socket) in sockets.withLock({ $0 }) {
                group.addTask { await accompany(generation, socket) }
            }
        }
    }

    /// The tunnels of the earlier processes.
    ///
    /// - Throws: UNAVAILABLE when one of them runs and does not answer: its tunnels must not count as closed.
    func tunnels() async throws(Status) -> [TunnelStatus] {
        var tunnels: [TunnelStatus] = []
        for (generation, socket) in sockets.withLock({ $0 }) {
            tunnels += try await call(generation, socket, GatewayControl.list, Empty())?.tunnels ?? []
        }
        return tunnels
    }

    /// Closes a sandbox's tunnel, whichever process has it.
    func close(_ request: CloseTunnelRequest) async throws(Status) {
        for (generation, socket) in sockets.withLock({ $0 }) {
            _ = try await call(generation, socket, GatewayControl.closeTunnel, request)
        }
    }

    /// Calls a process; nil when it has ended.
    private func call<Request: Message, Response: Message>(
        _ generation: Int64, _ socket: String, _ method: Method<Request, Response>, _ request: Request
    ) async throws(Status) -> Response? {
        guard let stream = try? await Stream.connect(to: .unix(path: socket), on: loop) else { return nil }
        do {
            return try await Client.with(stream, on: loop) { client in
                try await client.call(method, request, timeout: Generations.timeout)
            }
        } catch {
            throw Status(.unavailable, "the gateway of generation \(generation) did not answer: \(error)")
        }
    }

    private func accompany(_ generation: Int64, _ socket: String) async {
        while let adaptor = try? await slot.adaptor() {
            guard let stream = try? await Stream.connect(to: .unix(path: socket), on: loop) else {
                sockets.withLock { $0[generation] = nil }
                Listener.removeStaleSocket(at: socket)
                return logger.info("An earlier gateway has ended", [LogField("generation", generation)])
            }
            do {
                try await Client.with(stream, on: loop) { try await attach(adaptor, over: $0) }
            } catch {
                logger.debug("An earlier gateway's connection ended", [LogField("error", error)])
            }
            do { try await loop.sleep(for: Self.pause) } catch { return }
        }
    }

    /// Attaches `adaptor` to an earlier process, until either has gone away.
    private func attach(_ adaptor: AttachedAdaptor, over client: Client) async throws {
        let request = AttachRequest.with {
            ($0.version, $0.adaptorSocket) = (GatewayControl.version, adaptor.socket)
        }
        let events = try await client.call(GatewayControl.attach, request)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while let event = try await events.next() {
                    if !event.stoppedSandbox.isEmpty { adaptor.stop(event.stoppedSandbox) }
                }
            }
            group.addTask { await slot.changed(from: adaptor) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
