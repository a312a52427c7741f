internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The sockets of a gateway process, by generation.
///
/// Each process has the shared control socket and also one of its own, so that a later process reaches every earlier one,
/// also when a process between them has crashed.
struct Generations: Sendable {
    /// The shared control socket.
    let controlSocket: String
    let loop: EpollLoop

    /// How long an earlier process may take to answer.
    static let timeout = Duration.seconds(5)

    /// The control socket of one process.
    func socket(of generation: Int64) -> String { "\(controlSocket).\(generation)" }

    /// Where this process takes the sockets of an earlier one.
    private var receivingSocket: String { "\(controlSocket).next" }

    /// Where a process takes the tunnels of earlier ones.
    func movingSocket(of generation: Int64) -> String { "\(socket(of: generation)).move" }

    /// The listening sockets of a process.
    struct Listeners {
        let hypervisor: Listener
        let control: Listener
        /// The generation of the process that gave them away.
        let generation: Int64
    }

    /// The generations that have a socket which answers, in ascending order. Sockets of ended processes are removed.
    func answering() async throws -> [Int64] {
        let directory = Files.parent(of: controlSocket)
        let prefix = controlSocket.split(separator: "/").last.map { "\($0)." } ?? ""
        let names = try Files.list(directory).filter { $0.hasPrefix(prefix) }
        for name in names { Listener.removeStaleSocket(at: "\(directory)/\(name)") }
        var found: [Int64] = []
        for number in names.compactMap({ Int64($0.dropFirst(prefix.count)) }).sorted()
        where await isAnswering(socket(of: number)) {
            found.append(number)
        }
        return found
    }

    private func isAnswering(_ path: String) async -> Bool {
        guard let stream = try? await connect(path) else { return false }
        stream.close()
        return true
    }

    private func connect(_ path: String) async throws -> Stream {
        try await Stream.connect(to: .unix(path: path), on: loop, deadline: .now.advanced(by: Self.timeout))
    }

    /// Takes the listening sockets of the process that serves them; nil when no process does.
    ///
    /// - Throws: The reason why that process does not give them away.
    func takeListeners(hypervisorSocket: String) async throws -> Listeners? {
        do {
            return try await takeListenersOnce(hypervisorSocket)
        } catch let status as Status where status.code == .unavailable {
            // The process has ended during the call. Its sockets are free, unless yet another process has them.
            return try await takeListenersOnce(hypervisorSocket)
        }
    }

    private func takeListenersOnce(_ hypervisorSocket: String) async throws -> Listeners? {
        guard let stream = try? await connect(controlSocket) else { return nil }
        let receiver = try Listener.listen(on: .unix(path: receivingSocket), loop: loop)
        defer { receiver.close() }
        #if DEBUG
            CrashPoint.reach("before the listeners are requested")
        #endif
        let request = HandOverRequest.with {
            ($0.version, $0.socket) = (GatewayControl.version, receivingSocket)
        }
        let (descriptors, answer) = try await Client.with(stream, on: loop) { client in
            async let descriptors = receive(from: receiver)
            let answer = try await client.call(GatewayControl.handOver, request, timeout: Self.timeout)
            return (try await descriptors, answer)
        }
        #if DEBUG
            CrashPoint.reach("after the listeners have arrived")
        #endif
        let count = descriptors.count
        guard count == 2, let hypervisor = descriptors.takeFirst(), let control = descriptors.takeFirst() else {
            throw Status(.internal, "the earlier gateway sent \(count) descriptors instead of 2")
        }
        return Listeners(
            hypervisor: try Listener(adopting: hypervisor, at: .unix(path: hypervisorSocket), on: loop),
            control: try Listener(adopting: control, at: .unix(path: controlSocket), on: loop),
            generation: answer.generation)
    }

    private func receive(from receiver: Listener) async throws -> ReceivedDescriptors {
        try await withDeadline(.now.advanced(by: Self.timeout), on: loop) {
            while true {
                let connection = try await receiver.accept()
                defer { connection.close() }
                if connection.isPeerTrusted { return try await connection.receiveDescriptors() }
            }
        }
    }
}
