import LinuxIO

@testable import TLS

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
