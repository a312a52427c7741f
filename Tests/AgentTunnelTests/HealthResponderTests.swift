import AgentHealth
import KataProtocol
import LinuxIO
import TTRPC
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("A health check while the path to the VM is broken")
struct HealthResponderTests {
    private static func request(_ stream: UInt32, _ service: String, _ method: String, size: Int = 3) -> [UInt8] {
        let envelope = RequestEnvelope(
            service: service, method: method, payload: [UInt8](repeating: 5, count: size), timeoutNanoseconds: 7)
        return frame(stream, .request, envelope.encoded)
    }

    private static func check(_ stream: UInt32) -> [UInt8] { request(stream, Health.service, "Check") }

    private static func response(_ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        frame(stream, .response, ResponseEnvelope(payload: payload).encoded)
    }

    private static func serving(_ stream: UInt32) -> [UInt8] { response(stream, [8, 1]) }

    private static func frame(_ stream: UInt32, _ kind: Frame.Kind, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        Frame(stream: StreamID(rawValue: stream), kind, payload: payload).encode(into: &bytes)
        return bytes
    }

    @Test("is answered and taken out of the bytes to the agent, however they are cut", arguments: [1, 2, 7, 19, 5000])
    func arrives(piece: Int) {
        let (large, other) = (
            Self.request(1, "grpc.AgentService", "WriteStdin", size: 3000), Self.request(5, Health.service, "Version")
        )
        let bytes = large + Self.check(3) + other + Self.check(7) + other.dropLast(4)
        var responder = HealthResponder()
        var (output, answers): ([UInt8], SuspendedAnswers) = ([], SuspendedAnswers())
        for start in stride(from: 0, to: bytes.count, by: piece) {
            process(&responder, Array(bytes[start..<min(start + piece, bytes.count)]), &output, &answers)
        }
        #expect(answers.bytes == Self.serving(3) + Self.serving(7))
        #expect(answers.count == 2)
        let isWithout = output + responder.resume() == large + other + other.dropLast(4)
        #expect(isWithout)
    }

    @Test("that was sent before is answered, and the agent's own answer is dropped", arguments: [1, 4, 11, 5000])
    func sentBefore(piece: Int) {
        var responder = HealthResponder()
        for bytes in [Self.request(1, "grpc.AgentService", "ReadStdout"), Self.check(3), Self.check(5)] {
            unsafe bytes.withUnsafeBytes { unsafe responder.follow($0) }
        }
        #expect(answer(&responder, Self.serving(3), 5000) == Self.serving(3))
        var answers = SuspendedAnswers()
        responder.suspend(into: &answers)
        #expect(answers.bytes == Self.serving(5))
        _ = responder.resume()
        let late = Self.response(1, [UInt8](repeating: 9, count: 2000))
        let isWithout = answer(&responder, late + Self.serving(5) + late, piece) == late + late
        #expect(isWithout)
        #expect(answer(&responder, Self.serving(5), piece) == Self.serving(5))
    }

    @Test("is not answered while the client has only a part of a frame")
    func betweenFrames() {
        let half = Self.response(1, [UInt8](repeating: 9, count: 100))
        for cut in 1..<half.count {
            var responder = HealthResponder()
            #expect(answer(&responder, Array(half[..<cut]), 5000) == Array(half[..<cut]))
            var (output, answers): ([UInt8], SuspendedAnswers) = ([], SuspendedAnswers())
            process(&responder, Self.check(3), &output, &answers)
            #expect(answers.count == 0 && output == Self.check(3))
        }
    }

    @Test("is not found within the payload of another request")
    func withinPayload() {
        var responder = HealthResponder()
        let large = Self.request(1, "grpc.AgentService", "WriteStdin", size: 2000)
        unsafe large.prefix(100).withUnsafeBytes { unsafe responder.follow($0) }
        var (output, answers): ([UInt8], SuspendedAnswers) = ([], SuspendedAnswers())
        process(&responder, Self.check(3) + Self.check(5), &output, &answers)
        #expect(answers.count == 0 && output == Self.check(3) + Self.check(5))
    }

    @Test("is answered by the node, and the agent and the client see no gap")
    func story() async throws {
        var times = SessionTimes()
        times.silence = .milliseconds(200)
        let seen = Lock<[[UInt8]]>([])
        try await onLoop { [times] loop in
            let rig = try SessionRig(
                times,
                agent: { stream in
                    while true {
                        let header = try await stream.readExactly(FrameHeader.size)
                        let rest = try await stream.readExactly(FrameHeader(header).length)
                        seen.withLock { $0.append(header + rest) }
                        try await stream.write(Self.response(FrameHeader(header).stream.rawValue, [8, 1]))
                    }
                }, responder: { HealthResponder() }, on: loop)
            try await rig.run { rig in
                let client = try await rig.connect()
                try await client.write(Self.check(1))
                #expect(try await client.readExactly(Self.serving(1).count) == Self.serving(1))
                rig.proxy.set(.blackhole)
                // The first is answered when the session is suspended, the second when it arrives.
                try await client.write(Self.check(3))
                #expect(try await client.readExactly(Self.serving(3).count) == Self.serving(3))
                try await client.write(Self.check(5))
                #expect(try await client.readExactly(Self.serving(5).count) == Self.serving(5))
                rig.proxy.set(.open)
                try await client.write(Self.check(7))
                #expect(try await client.readExactly(Self.serving(7).count) == Self.serving(7))
                try await eventually(on: loop) { rig.shown("peerpods_tunnel_sessions_suspended 0") }
            }
            let streams = seen.withLock { $0 }.map { FrameHeader($0).stream.rawValue }
            #expect(streams.first == 1 && !streams.contains(5))
            #expect(streams == streams.sorted())
            #expect(!rig.shown("peerpods_tunnel_health_answered_total 0"))
            #expect(rig.logged("health checks"))
        }
    }

    private func process(
        _ responder: inout HealthResponder, _ bytes: [UInt8], _ output: inout [UInt8], _ answers: inout SuspendedAnswers
    ) {
        unsafe bytes.withUnsafeBytes { unsafe responder.process($0, into: &output, answers: &answers) }
    }

    /// What the client gets of the agent's `bytes`, in pieces.
    private func answer(_ responder: inout HealthResponder, _ bytes: [UInt8], _ piece: Int) -> [UInt8] {
        var received: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let part = Array(bytes[start..<min(start + piece, bytes.count)])
            var output: [UInt8] = []
            let verdict = unsafe part.withUnsafeBytes { unsafe responder.filterAnswers($0, into: &output) }
            received += verdict == .unchanged ? part : output
        }
        return received
    }
}
