import KataProtocol
import LinuxIO
import TTRPC
import TestSupport
import Testing

/// Our client, as peerpodctl and the readiness probe use it, on containerd's own server.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct OurClientTests {
    /// Runs `body` with a client on the Go agent: directly, or through our tunnel.
    private func withClient(
        throughTunnel: Bool, _ body: @escaping @Sendable (Client, EpollLoop) async throws -> Void
    ) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            try await PeerTunnel.with(on: loop) { tunnel in
                try await peer.withAgent(at: tunnel.agent, on: loop) { _ in
                    let stream = try await Stream.connect(to: throughTunnel ? tunnel.socket : tunnel.agent, on: loop)
                    try await Client.with(stream, on: loop) { client in try await body(client, loop) }
                }
            }
        }
    }

    @Test("calls of every size get answers", arguments: [false, true])
    func sizes(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, _ in
            let health = try await client.call("grpc.Health", "Check", [], timeout: .seconds(30))
            #expect(try HealthCheckResponse(parsing: health).status == HealthCheckResponse.serving)
            for size in [0, 1, 127, 128, 65_535, 65_536, 1 << 20, (4 << 20) - 200] {
                let sent = pattern(size)
                let answer = try await client.call("peer.Peer", "Echo", sent, timeout: .seconds(30))
                #expect(answer == sent, "\(size) bytes")
            }
        }
    }

    @Test("a message that is too long for a frame fails only its call, in both directions", arguments: [false, true])
    func oversized(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, _ in
            await expect(code: .resourceExhausted) {
                try await client.call("peer.Peer", "Echo", pattern(4 << 20), timeout: .seconds(30))
            }
            let request = ReadStreamRequest.with { $0.length = 6 << 20 }.encoded
            await expect(code: .resourceExhausted) {
                try await client.call("grpc.AgentService", "ReadStdout", request, timeout: .seconds(30))
            }
            _ = try await client.call("grpc.Health", "Check", [], timeout: .seconds(30))
        }
    }

    @Test("a deadline ends the call at the client and its handler at the server", arguments: [false, true])
    func deadline(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, loop in
            await expect(code: .deadlineExceeded) {
                try await client.call("grpc.AgentService", "WaitProcess", [], timeout: .milliseconds(100))
            }
            try await until(client, loop) { $0.cancelled == 1 && $0.blocked == 0 }
        }
    }

    @Test(
        "a hundred blocked calls can be given up at once, and their handlers run until they are told to end",
        arguments: [false, true])
    func blocked(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, loop in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        await #expect(throws: CancellationError.self) {
                            try await client.call("grpc.AgentService", "WaitProcess", [])
                        }
                    }
                }
                try await until(client, loop) { $0.blocked == 100 }
                group.cancelAll()
            }
            // ttrpc has no way to tell the server that one call is over.
            try await until(client, loop) { $0.blocked == 100 }
            let request = SignalProcessRequest.with { $0.signal = 9 }.encoded
            _ = try await client.call("grpc.AgentService", "SignalProcess", request, timeout: .seconds(30))
            try await until(client, loop) { $0.blocked == 0 && $0.cancelled == 0 }
        }
    }

    @Test("closing the client's connection cancels its calls at the agent", arguments: [false, true])
    func hangUp(throughTunnel: Bool) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            try await PeerTunnel.with(on: loop) { tunnel in
                try await peer.withAgent(at: tunnel.agent, on: loop) { _ in
                    let socket = throughTunnel ? tunnel.socket : tunnel.agent
                    try await Client.with(Stream.connect(to: socket, on: loop), on: loop) { staying in
                        try await Client.with(Stream.connect(to: socket, on: loop), on: loop) { leaving in
                            try await withThrowingTaskGroup(of: Void.self) { group in
                                for _ in 0..<10 {
                                    group.addTask {
                                        await #expect(throws: Status.self) {
                                            try await leaving.call("grpc.AgentService", "WaitProcess", [])
                                        }
                                    }
                                }
                                try await until(staying, loop) { $0.blocked == 10 }
                                leaving.close()
                            }
                        }
                        try await until(staying, loop) { $0.blocked == 0 && $0.cancelled == 10 }
                    }
                }
            }
        }
    }

    @Test("code, message and details of an error arrive unchanged", arguments: [false, true])
    func statuses(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, _ in
            for code: Int32 in 1...16 {
                var details = ProtobufWriter()
                for name in ["first", "second"] {
                    details.message(3) { $0.string(1, "type.googleapis.com/peer." + name) }
                }
                var request = ProtobufWriter()
                request.int(1, Int64(code))
                request.string(2, "nicht möglich")
                request.raw(details.bytes)
                do {
                    _ = try await client.call("peer.Peer", "Fail", request.bytes, timeout: .seconds(30))
                    Issue.record("the call with code \(code) succeeded")
                } catch let status as Status {
                    let sent = Status(Status.Code(rawValue: code), "nicht möglich", details: details.bytes)
                    #expect(status == sent)
                }
            }
            await expect(code: .unimplemented) {
                try await client.call("grpc.AgentService", "NoSuchMethod", [], timeout: .seconds(30))
            }
        }
    }

    @Test("metadata and timeout arrive at the server", arguments: [false, true])
    func metadata(throughTunnel: Bool) async throws {
        try await withClient(throughTunnel: throughTunnel) { client, _ in
            let metadata: Metadata = ["containerd-namespace-ttrpc": "k8s.io", "twice": "1", "twice": "2"]
            let answer = try await client.call(
                "peer.Peer", "Describe", [], timeout: .seconds(30), metadata: metadata)
            var found: Set<String> = []
            var remaining: Int64 = 0
            var reader = ProtobufReader(answer)
            while let field = try reader.next() {
                if field.number == 1 {
                    let entry = try field.mapEntry()
                    found.insert(entry.key + "=" + entry.value)
                } else {
                    remaining = try field.int64()
                }
            }
            #expect(found == ["containerd-namespace-ttrpc=k8s.io", "twice=1", "twice=2"])
            #expect((10_000...30_000).contains(remaining))
        }
    }
}

private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }

/// What the agent counts.
private struct Counters {
    var blocked: UInt64 = 0
    var cancelled: UInt64 = 0
}

/// Asks the agent until it is as expected.
private func until(
    _ client: Client, _ loop: EpollLoop, sourceLocation: SourceLocation = #_sourceLocation,
    _ isSo: (Counters) -> Bool
) async throws {
    var counters = Counters()
    let end = ContinuousClock.now + .seconds(20)
    repeat {
        counters = Counters()
        var reader = ProtobufReader(try await client.call("peer.Peer", "Counters", [], timeout: .seconds(30)))
        while let field = try reader.next() {
            if field.number == 1 {
                counters.blocked = try field.uint64()
            } else {
                counters.cancelled = try field.uint64()
            }
        }
        if isSo(counters) { return }
        try await loop.sleep(for: .milliseconds(2))
    } while .now < end
    Issue.record("the agent did not reach this state: \(counters)", sourceLocation: sourceLocation)
}

/// Expects a call to fail with a code.
private func expect(
    code: Status.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> [UInt8]
) async {
    do {
        let answer = try await body()
        Issue.record("the answer has \(answer.count) bytes instead of the code \(code)", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? Status)?.code == code, "\(error)", sourceLocation: sourceLocation)
    }
}
