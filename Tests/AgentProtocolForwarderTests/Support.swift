import AgentTunnel
import ForwarderRig
import LinuxIO
import TTRPC
import Telemetry
import Testing

@testable import AgentProtocolForwarder

extension Guest {
    /// Options for this directory, with a port of the kernel's choice. The node may make all calls.
    var options: ForwarderOptions {
        var options = ForwarderOptions()
        options.config = config
        options.agentSocket = agentSocket
        options.listen = .tcp(host: "127.0.0.1", port: 0)
        options.podNamespace = Requests.podNamespace
        options.agentCalls = .all
        return options
    }
}

/// What stands in for kata's agent: answers every request with its own payload, and remembers what came.
final class EchoAgent: Sendable {
    private let listener: Listener
    private let seen = Lock<[RequestEnvelope]>([])

    init(_ guest: Guest, on loop: EpollLoop) throws {
        listener = try Listener.listen(on: .unix(path: guest.agentSocket), loop: loop)
    }

    /// The requests in the order in which they came.
    var requests: [RequestEnvelope] { seen.withLock { $0 } }

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let stream = try await listener.accept()
                group.addTask { try? await self.serve(stream) }
            }
        }
    }

    private func serve(_ stream: Stream) async throws {
        var connection = FrameStream(stream)
        while let frame = try await connection.next() {
            let request = try RequestEnvelope(parsing: frame.payload)
            seen.withLock { $0.append(request) }
            var answer: [UInt8] = []
            Frame(stream: frame.stream, .response, payload: Requests.message { $0.bytes(2, request.payload) })
                .encode(into: &answer)
            try await stream.write(answer)
        }
        stream.close()
    }
}

/// The frames that come from a stream.
struct FrameStream {
    private let stream: any ByteStream
    private var decoder = FrameDecoder()

    init(_ stream: any ByteStream) { self.stream = stream }

    /// The next whole frame, nil at the end.
    mutating func next() async throws -> Frame? {
        while true {
            if case .frame(let frame)? = decoder.next() { return frame }
            let bytes = try await stream.read(upTo: 64 << 10)
            if bytes.isEmpty { return nil }
            decoder.append(bytes)
        }
    }
}
