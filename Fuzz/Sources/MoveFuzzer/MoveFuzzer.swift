internal import Fuzzing
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC

@testable internal import AgentTunnel
@testable internal import Gateway

/// What one gateway process sends to the next: the state of a session, a tunnel with its connections, and the connections
/// of shims. The receiver refuses the bytes, or has as many connections as were announced.
@main
struct MoveFuzzer {
    static func main() {
        Fuzzer.run { input in
            guard let kind = input.first else { return }
            let bytes = Array(input.dropFirst())
            if kind % 3 == 0 { return examineSession(bytes) }
            do {
                try EpollLoop.run { loop in try await receive(bytes, isTunnel: kind % 3 == 1, on: loop) }
            } catch {
                fail("the sender failed: \(error)")
            }
        }
    }

    /// A session that was read is the same after it is written.
    private static func examineSession(_ bytes: [UInt8]) {
        guard let snapshot = try? SessionSnapshot(bytes) else { return }
        require(snapshot.bytes == bytes, "\(snapshot)")
        require(snapshot.kept.count <= SessionState.window, "\(snapshot.kept.count) bytes are kept")
    }

    /// Sends bytes, and descriptors between them, and lets a gateway receive them.
    private static func receive(_ bytes: [UInt8], isTunnel: Bool, on loop: EpollLoop) async throws {
        let (near, far) = try Stream.pair(on: loop)
        let (other, another) = try Stream.pair(on: loop)
        defer { for stream in [near, far, other, another] { stream.close() } }
        var dice = Dice(bytes)
        while !dice.isEmpty {
            if dice.byte() % 2 == 0 {
                try await near.sendDescriptors(Array(repeating: try other.withDescriptor { $0 }, count: 1))
            } else {
                try await near.write(dice.bytes())
            }
        }
        near.close()
        let transfer = TunnelTransfer(connection: far, loop: loop)
        if isTunnel {
            guard let arrival = try? await transfer.receive() else { return }
            require(arrival.connections.count == arrival.header.connections, "\(arrival.header)")
            require(arrival.listener.count == (arrival.header.hasListener ? 1 : 0), "\(arrival.header)")
            for connection in arrival.connections { connection.leave() }
        } else {
            guard let clients = try? await transfer.receiveClients() else { return }
            for client in clients {
                require(client.received.count <= DetachedClient.receivedLimit)
                client.leave()
            }
        }
    }
}
