internal import Fuzzing
internal import LinuxIO
internal import TTRPC

/// A client sends any complete frames. The server answers with frames, and then answers the next request: one bad frame must
/// not end the connection or the program.
@main
struct ServerFuzzer {
    static func main() {
        Fuzzer.run { input in
            do {
                try EpollLoop.run { loop in try await converse(input, on: loop) }
            } catch {
                fail("the connection ended: \(error)")
            }
        }
    }

    /// The request after the input. Its id is the highest possible one. The server refuses it only if the input used that id.
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
            // Closes the connection within a frame.
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

    /// Reads answers until the last one. Each must be well-formed.
    private static func expectAnswer(_ stream: Stream) async throws {
        var decoder = FrameDecoder()
        while true {
            let bytes = try await stream.read(upTo: 64 << 10)
            if bytes.isEmpty { fail("the server closed the connection") }
            decoder.append(bytes)
            while let event = decoder.next() {
                guard case .frame(let frame) = event else { fail("the server sent \(event)") }
                switch frame.kind {
                case .data: break
                case .response:
                    guard (try? ResponseEnvelope(parsing: frame.payload)) != nil else {
                        fail("not a response: \(frame)")
                    }
                    if frame.stream == last { return }
                default: fail("a server must not send \(frame)")
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
