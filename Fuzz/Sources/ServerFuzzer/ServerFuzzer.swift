internal import Fuzzing
internal import LinuxIO
internal import TTRPC

/// Whatever whole frames a client sends, the server answers with frames, and goes on to answer
/// the next request: one bad frame must not take the connection, let alone the program.
@main
struct ServerFuzzer {
    static func main() {
        Fuzzer.run { input in
            do {
                try EpollLoop.run { loop in try await converse(input, on: loop) }
            } catch {
                fail("the conversation ended: \(error)")
            }
        }
    }

    /// The request behind the input. Its id is the last there is; only when the input used that, it is refused.
    private static let last = StreamID(rawValue: .max)

    private static func converse(_ input: [UInt8], on loop: EpollLoop) async throws {
        let (near, far) = try Stream.pair(on: loop)
        let server = Server(services, on: loop)
        async let served: Void = server.serve(far)
        var decoder = FrameDecoder()
        decoder.append(input)
        while decoder.next() != nil {}
        var dice = Dice(input.reversed())
        if decoder.isInsideFrame {
            // Hangs up within a frame.
            for piece in dice.cut(input) { try? await near.write(piece) }
        } else {
            async let answered: Void = expectAnswer(near)
            for piece in dice.cut(input + check) { try await near.write(piece) }
            try await answered
        }
        near.close()
        await served
    }

    private static var check: [UInt8] {
        var bytes: [UInt8] = []
        let envelope = RequestEnvelope(service: "peer.Peer", method: "Echo", payload: [1, 2, 3])
        Frame(stream: last, .request, payload: envelope.encoded).encode(into: &bytes)
        return bytes
    }

    /// Reads answers, which must be well-formed, until the last one.
    private static func expectAnswer(_ stream: Stream) async throws {
        var decoder = FrameDecoder()
        while true {
            let bytes = try await stream.read(upTo: 64 << 10)
            if bytes.isEmpty { fail("the server hung up") }
            decoder.append(bytes)
            while let event = decoder.next() {
                guard case .frame(let frame) = event else { fail("the server sent \(event)") }
                switch frame.kind {
                case .data: break
                case .response:
                    guard (try? ResponseEnvelope(parsing: frame.payload)) != nil else { fail("no response: \(frame)") }
                    if frame.stream == last { return }
                default: fail("a server sends no \(frame)")
                }
            }
        }
    }

    private static let services = [
        Service(
            "peer.Peer",
            unary: [
                "Echo": { _, bytes in bytes },
                "Fail": { _, bytes in throw Status(.aborted, String(decoding: bytes, as: UTF8.self)) },
                "Block": { _, _ in
                    for await _ in AsyncStream<Void>.makeStream().stream {}
                    throw CancellationError()
                },
            ],
            streaming: [
                "Echoes": { _, stream in
                    while let message = try await stream.receive() { try await stream.send(message) }
                },
                "Deaf": { _, stream in stream.respond([7]) },
            ])
    ]
}
