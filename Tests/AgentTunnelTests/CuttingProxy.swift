import LinuxIO
import TestSupport

/// A proxy between the node and the VM. It can cut its connections, carry nothing, or refuse connections.
final class CuttingProxy: Sendable {
    /// What the proxy does with bytes and connections.
    enum Way: Sendable {
        case open
        /// Bytes and connections get no answer.
        case blackhole
        /// New connections are closed at once.
        case refusing
    }

    private struct State {
        var way = Way.open
        var connections: [(Stream, Stream)] = []
        var accepted = 0
        var carried = 0
    }

    private let state = Lock(State())
    private let changed = AsyncCondition()
    private let listener: Listener
    private let target: SocketAddress
    private let loop: EpollLoop

    var address: SocketAddress { listener.address }
    /// How many connections were accepted.
    var accepted: Int { state.withLock { $0.accepted } }
    /// How many bytes were carried, in both directions.
    var carried: Int { state.withLock { $0.carried } }

    init(to target: SocketAddress, on loop: EpollLoop) throws {
        listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        self.target = target
        self.loop = loop
    }

    func set(_ way: Way) {
        state.withLock { $0.way = way }
        changed.notifyAll()
    }

    /// Closes all connections: one end reads an end without a `close_notify`, or a reset.
    func cut() {
        let connections = state.withLock { state in
            defer { state.connections = [] }
            return state.connections
        }
        for (near, far) in connections {
            near.close()
            far.close()
        }
    }

    /// Closes the node's side of all connections only. The VM's side looks open.
    func cutNodeSide() { for (near, _) in state.withLock({ $0.connections }) { near.close() } }

    func run() async throws {
        defer { listener.close() }
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let near = try await listener.accept()
                state.withLock { $0.accepted += 1 }
                if state.withLock({ $0.way == .refusing }) {
                    near.close()
                    continue
                }
                group.addTask { try? await self.carry(near) }
            }
        }
    }

    private func carry(_ near: Stream) async throws {
        try await untilOpen()
        let far = try await Stream.connect(to: target, on: loop)
        near.setNoDelay()
        far.setNoDelay()
        state.withLock { $0.connections.append((near, far)) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.pump(near, far) }
            group.addTask { try? await self.pump(far, near) }
        }
    }

    private func pump(_ source: Stream, _ sink: Stream) async throws {
        while case let bytes = try await source.read(upTo: 64 << 10), !bytes.isEmpty {
            try await untilOpen()
            try await sink.write(bytes)
            state.withLock { $0.carried += bytes.count }
        }
        sink.shutdownWriting()
    }

    private func untilOpen() async throws {
        while true {
            let generation = changed.generation
            if state.withLock({ $0.way != .blackhole }) { return }
            await changed.wait(past: generation)
            try Task.checkCancellation()
        }
    }
}
