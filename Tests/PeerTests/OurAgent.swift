import KataProtocol
import LinuxIO
import TTRPC

/// What `ttrpc-peer agent` is, of our own making: the same services over our server.
final class OurAgent: Sendable {
    private struct State {
        var waits: [String: [AsyncStream<Int32>.Continuation]] = [:]
        var blocked = 0
        var cancelled = 0
        var requests: [String: [UInt8]] = [:]
    }

    private let state = Lock(State())
    private static let pattern = (0..<8 << 20).map { UInt8($0 % 251) }

    /// Serves `listener` until cancelled.
    func serve(_ listener: Listener, on loop: EpollLoop) async throws {
        defer { listener.close() }
        try await Server(services, on: loop).serve(listener)
    }

    /// All that it serves.
    var services: [Service] { [health, agent, peer] }

    private var health: Service {
        Service(
            "grpc.Health",
            unary: [
                "Check": { _, _ in HealthCheckResponse.with { $0.status = HealthCheckResponse.serving }.encoded },
                "Version": { _, _ in HealthVersionResponse.with { $0.agentVersion = "ours" }.encoded },
            ])
    }

    private var agent: Service {
        var methods: [String: Service.Unary] = [
            "ReadStdout": { _, bytes in
                let request = try ReadStreamRequest(parsing: bytes)
                if request.containerID == "ended" { throw Status(.outOfRange, "EOF") }
                return ReadStreamResponse.with { $0.data = Array(OurAgent.pattern[..<Int(request.length)]) }.encoded
            },
            "WaitProcess": { [self] _, bytes in
                let status = try await wait(for: ProcessRequest(parsing: bytes).containerID)
                return WaitProcessResponse.with { $0.status = status }.encoded
            },
            "SignalProcess": { [self] _, bytes in
                let request = try SignalProcessRequest(parsing: bytes)
                release(request.containerID, with: Int32(request.signal))
                return []
            },
        ]
        for method in ["CreateSandbox", "CreateContainer", "StartContainer", "SomethingOfTheFuture"] {
            methods[method] = { [self] _, bytes in
                state.withLock { $0.requests[method] = bytes }
                return []
            }
        }
        return Service("grpc.AgentService", unary: methods)
    }

    private var peer: Service {
        Service(
            "peer.Peer",
            unary: [
                "Echo": { _, bytes in bytes },
                "Fail": { _, bytes in throw try OurAgent.status(bytes) },
                "Describe": { call, _ in OurAgent.describe(call) },
                "Counters": { [self] _, _ in
                    var writer = ProtobufWriter()
                    let (blocked, cancelled) = state.withLock { ($0.blocked, $0.cancelled) }
                    writer.varint(1, UInt64(blocked))
                    writer.varint(2, UInt64(cancelled))
                    return writer.bytes
                },
                "LastRequest": { [self] _, bytes in
                    var reader = ProtobufReader(bytes)
                    let name = try reader.next()?.string() ?? ""
                    return state.withLock { $0.requests[name] ?? [] }
                },
            ])
    }

    private func wait(for process: String) async throws -> Int32 {
        let (ends, end) = AsyncStream.makeStream(of: Int32.self)
        state.withLock { state in
            state.blocked += 1
            state.waits[process, default: []].append(end)
        }
        var status: Int32?
        for await said in ends {
            status = said
            break
        }
        state.withLock { state in
            state.blocked -= 1
            if status == nil { state.cancelled += 1 }
        }
        guard let status else { throw CancellationError() }
        return status
    }

    private func release(_ process: String, with status: Int32) {
        for end in state.withLock({ $0.waits.removeValue(forKey: process) }) ?? [] { end.yield(status) }
    }

    private static func status(_ bytes: [UInt8]) throws -> Status {
        var status = Status(.ok, "")
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1: status.code = Status.Code(rawValue: Int32(truncatingIfNeeded: try field.int64()))
            case 2: status.message = try field.string()
            default: status.details += field.raw
            }
        }
        return status
    }

    private static func describe(_ call: Call) -> [UInt8] {
        var writer = ProtobufWriter()
        for entry in call.metadata.entries {
            writer.message(1) {
                $0.string(1, entry.key)
                $0.string(2, entry.value)
            }
        }
        let left = call.deadline.map { ContinuousClock.now.duration(to: $0) }
        writer.varint(2, left.map { UInt64($0 / .milliseconds(1)) } ?? 0)
        return writer.bytes
    }
}
