internal import AgentTunnel
internal import Glibc
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC

/// The connection over which a tunnel moves from one gateway process to a newer one. `docs/gateway.proto` describes the
/// bytes.
struct TunnelTransfer: Sendable {
    let connection: LinuxIO.Stream
    let loop: EpollLoop

    /// How long each end waits for the other.
    static let timeout = Duration.seconds(5)
    private static let headerLimit = 1 << 20
    private static let connectionLimit = 4096
    private static let (ready, commit): (UInt8, UInt8) = (1, 2)

    /// What has arrived.
    struct Arrival: Sendable {
        let header: MovedTunnel
        /// The agent socket's, if it moves.
        let listener: ReceivedDescriptors
        let connections: [DetachedConnection]
    }

    // MARK: The older process

    /// Sends a tunnel, and returns when the receiver can serve it.
    func send(_ header: MovedTunnel, _ tunnel: NodeTunnel, _ connections: [DetachedConnection]) async throws {
        if header.hasListener {
            try await tunnel.sendListener(over: connection)
        } else {
            try await connection.write([0])
        }
        try await write(header.encoded)
        try await send(connections, passing: "after a tunnel was sent") { detached in
            try await detached.sendSocket(over: connection)
            return detached.session
        }
    }

    /// Sends connections of shims, and returns when the receiver can serve them.
    func send(_ clients: [DetachedClient]) async throws {
        try await write(MovedConnections.with { $0.connections = clients.count }.encoded)
        try await send(clients, passing: "after connections were sent") { client in
            try await client.sendSocket(over: connection)
            return client.received
        }
    }

    /// Sends each connection: `sendSocket` sends its descriptor and returns the bytes that belong to it. Returns when the
    /// receiver can serve them.
    private func send<Connection>(
        _ connections: [Connection], passing point: String, _ sendSocket: (Connection) async throws -> [UInt8]
    ) async throws {
        for connection in connections { try await write(try await sendSocket(connection)) }
        #if DEBUG
            CrashPoint.reach(point)
        #endif
        guard try await read(1) == [Self.ready] else { throw Self.malformed }
    }

    /// Makes the receiver the owner. Returns false if the receiver has ended.
    func transferOwnership() -> Bool {
        let word = [Self.commit]
        return (try? unsafe word.withUnsafeBytes { unsafe try connection.tryWrite($0) }) == 1
    }

    // MARK: The newer process

    /// Receives a tunnel. This process may not touch it before ``awaitOwnership()``.
    func receive() async throws -> Arrival {
        let descriptors = try await connection.receiveDescriptors()
        let header = try MovedTunnel(parsing: try await read(limit: Self.headerLimit))
        guard (0...Self.connectionLimit).contains(header.connections),
            descriptors.count == (header.hasListener ? 1 : 0)
        else { throw Self.malformed }
        var connections: [DetachedConnection] = []
        for _ in 0..<header.connections { connections.append(try await receiveConnection()) }
        return Arrival(header: header, listener: descriptors, connections: connections)
    }

    private func receiveConnection() async throws -> DetachedConnection {
        let (descriptors, session) = try await receiveOne(limit: DetachedConnection.sessionLimit)
        guard let socket = descriptors.takeFirst() else { throw Self.malformed }
        return try DetachedConnection(socket, session: session, on: loop)
    }

    /// Receives connections of shims. This process may not touch them before ``awaitOwnership()``.
    func receiveClients() async throws -> [DetachedClient] {
        let header = try MovedConnections(parsing: try await read(limit: Self.headerLimit))
        guard (0...Self.connectionLimit).contains(header.connections) else { throw Self.malformed }
        var clients: [DetachedClient] = []
        for _ in 0..<header.connections {
            let (descriptors, received) = try await receiveOne(limit: DetachedClient.receivedLimit)
            guard let socket = descriptors.takeFirst() else { throw Self.malformed }
            clients.append(try DetachedClient(socket, received: received, on: loop))
        }
        return clients
    }

    /// Receives one descriptor and the bytes that belong to it.
    private func receiveOne(limit: Int) async throws -> (ReceivedDescriptors, [UInt8]) {
        let descriptors = try await connection.receiveDescriptors()
        let bytes = try await read(limit: limit)
        guard descriptors.count == 1 else { throw Self.malformed }
        return (descriptors, bytes)
    }

    /// Says that this process can serve the tunnel, and waits for its ownership. Returns false if the older process keeps
    /// the tunnel.
    ///
    /// The decision is the older process's. So the caller's cancellation and a deadline only prevent that it decides later.
    func awaitOwnership() async throws -> Bool {
        try await connection.write([Self.ready])
        let word = try? await withDeadline(.now + Self.timeout, on: loop) { try await connection.read(upTo: 1) }
        if let word { return word == [Self.commit] }
        // The older process cannot write after this, and what it has written can still be read.
        let last = try? connection.withDescriptor { socket in
            _ = shutdown(socket, CInt(SHUT_RD))
            var byte: UInt8 = 0
            return unsafe Glibc.recv(socket, &byte, 1, CInt(MSG_DONTWAIT)) == 1 ? byte : 0
        }
        return last == Self.commit
    }

    // MARK: Bytes

    private static let malformed = Status(.invalidArgument, "the other gateway has sent a malformed tunnel")

    private func write(_ bytes: [UInt8]) async throws {
        let length = UInt32(bytes.count)
        try await connection.write((0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + bytes)
    }

    private func read(limit: Int) async throws -> [UInt8] {
        let length = try await read(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= limit else { throw Self.malformed }
        return try await read(length)
    }

    private func read(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try await connection.read(upTo: count - bytes.count)
            guard !more.isEmpty else { throw Self.malformed }
            bytes += more
        }
        return bytes
    }
}
