import LinuxIO
import TTRPC
import TestSupport
import Testing

/// A client that speaks frames, right ones and wrong ones.
final class TestPeer: Sendable {
    let stream: Stream
    private let decoder = Lock(FrameDecoder())

    init(_ stream: Stream) { self.stream = stream }

    func send(_ frames: Frame...) async throws {
        var bytes: [UInt8] = []
        for frame in frames { frame.encode(into: &bytes) }
        try await stream.write(bytes)
    }

    func request(
        _ id: UInt32, _ method: String = "Echo", payload: [UInt8] = [], timeout: Int64 = 0, flags: Frame.Flags = []
    ) async throws {
        let envelope = RequestEnvelope(
            service: "test.Test", method: method, payload: payload, timeoutNanoseconds: timeout)
        try await send(Frame(stream: StreamID(rawValue: id), .request, flags: flags, payload: envelope.encoded))
    }

    /// The next frame, or nil when the server has closed.
    func receive() async throws -> Frame? {
        while true {
            switch decoder.withLock({ $0.next() }) {
            case .frame(let frame): return frame
            case .oversized(let header):
                Issue.record("the server sent \(header.length) bytes")
                return nil
            case nil: break
            }
            let bytes = try await stream.read(upTo: 65_536)
            if bytes.isEmpty { return nil }
            decoder.withLock { $0.append(bytes) }
        }
    }

    /// The next response: its stream and its envelope.
    func response() async throws -> (id: UInt32, envelope: ResponseEnvelope) {
        let frame = try #require(try await receive())
        #expect(frame.kind == .response)
        return (frame.stream.rawValue, try ResponseEnvelope(parsing: frame.payload))
    }
}

/// Serves one connection for as long as `body` takes, on a loop of its own.
func serving<Result: Sendable>(
    _ service: Service, limits: ServerLimits = .standard,
    _ body: @escaping @Sendable (EpollLoop, Stream) async throws -> Result
) async throws -> Result {
    try await onLoop { loop in
        let (near, far) = try Stream.pair(on: loop)
        let server = Server([service], on: loop, limits: limits)
        async let _: Void = server.serve(far)
        defer { near.close() }
        return try await body(loop, near)
    }
}

/// Serves a unix socket in a directory of its own for as long as `body` takes.
func listening<Result: Sendable>(
    _ service: Service, limits: ServerLimits = .standard,
    _ body: @escaping @Sendable (EpollLoop, @escaping @Sendable () async throws -> Stream) async throws -> Result
) async throws -> Result {
    try await onLoop { loop in
        let path = "/tmp/ttrpc-test-\(UInt64.random(in: .min ... .max)).sock"
        let listener = try Listener.listen(on: .unix(path: path), loop: loop)
        defer { listener.close() }
        let server = Server([service], on: loop, limits: limits)
        async let _: Void? = try? server.serve(listener)
        return try await body(loop) { try await Stream.connect(to: .unix(path: path), on: loop) }
    }
}

extension Service {
    /// `test.Test` with `Echo`, and what a test adds.
    static func test(
        _ unary: [String: Service.Unary] = [:], streaming: [String: Service.Streaming] = [:]
    ) -> Service {
        let echo: [String: Service.Unary] = ["Echo": { _, payload in payload }]
        return Service("test.Test", unary: echo.merging(unary) { $1 }, streaming: streaming)
    }
}
