import AgentTunnel
import LinuxIO
import PodVMBoot
import TLS
import TTRPC
import Telemetry
import Testing

@testable import AgentProtocolForwarder

/// A pod VM's directory: its boot document, the agent's socket.
final class Guest: Sendable {
    static let vmName = "podvm-a"
    let path: String

    init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/forwarder-") }
    deinit { try? Files.removeTree(path) }

    var config: String { "\(path)/apf.json" }
    var agentSocket: String { "\(path)/agent.sock" }

    func write(_ text: String, to name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: "\(path)/\(name)")
        return "\(path)/\(name)"
    }

    /// Writes the boot document that a node would send.
    func write(_ identity: SandboxIdentity?, _ change: (inout BootDocument) -> Void = { _ in }) throws {
        var document = BootDocument(podName: "pod", podNamespace: "default")
        document.serverKey = identity?.server.key
        document.serverCertificate = identity?.server.certificate
        document.clientCA = identity?.client.certificate
        change(&document)
        try DurableFile.write(document.encoded, to: config)
    }

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
