import LinuxIO
import Telemetry
import Testing

@testable import AgentTunnel

/// Runs a test's body on a loop of its own; what never comes fails it rather than hangs it.
func onLoop<Result: Sendable>(_ body: @escaping @Sendable (EpollLoop) async throws -> Result) throws -> Result {
    try EpollLoop.run { loop in
        try await withDeadline(.now + .seconds(120), on: loop) { try await body(loop) }
    }
}

/// A fresh directory, removed with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/tunnel-test-") }

    deinit { try? Files.removeTree(path) }

    func socket(_ name: String) -> SocketAddress { .unix(path: path + "/" + name) }

    func write(_ text: String, to name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: path + "/" + name)
        return path + "/" + name
    }
}

extension SandboxIdentity {
    func clientContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .client(trusting: authority, identity: client, profile: profile)
    }

    func serverContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .server(identity: server, clientAuthorities: client.certificate, profile: profile)
    }
}

/// What each side of a handshake over a socket pair came to.
struct Handshake: Sendable {
    let client: Result<TLSStream, any Error>
    let server: Result<TLSStream, any Error>

    static func run(
        _ clientContext: TLSContext, _ serverContext: TLSContext, name: String? = "podvm-a",
        sessions: TLSSessionCache = TLSSessionCache(), on loop: EpollLoop
    ) async throws -> Handshake {
        let (near, far) = try Stream.pair(on: loop)
        async let server = outcome { try await TLSStream.accept(over: far, context: serverContext) }
        let client = await outcome {
            let stream = try await TLSStream.connect(
                over: near, context: clientContext, serverName: name, sessions: sessions)
            try await stream.awaitAcceptance(within: .seconds(5))
            return stream
        }
        return Handshake(client: client, server: await server)
    }

    /// Both ends, when both succeeded.
    func ends() throws -> (client: TLSStream, server: TLSStream) { (try client.get(), try server.get()) }

    var clientCode: TLSError.Code? { Handshake.code(client) }
    var serverCode: TLSError.Code? { Handshake.code(server) }

    private static func code(_ result: Result<TLSStream, any Error>) -> TLSError.Code? {
        if case .failure(let error as TLSError) = result { error.code } else { nil }
    }
}

func outcome<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}

extension ByteStream {
    /// Everything up to the end.
    func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while case let bytes = try await read(upTo: 64 << 10), !bytes.isEmpty { all += bytes }
        return all
    }

    /// Exactly `count` bytes.
    func readExactly(_ count: Int) async throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let bytes = try await read(upTo: count - all.count)
            if bytes.isEmpty { break }
            all += bytes
        }
        return all
    }
}

/// Runs `body` while `service` runs beside it, which is cancelled afterwards.
func alongside(
    _ service: @escaping @Sendable () async throws -> Void, _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await service() }
        defer { group.cancelAll() }
        try await body()
    }
}
