import HTTPTransport
import LinuxIO
import TestSupport
import Testing

/// Runs `body` with a client that no environment variable influences; then stops the client.
///
/// Fails if descriptors are left over.
func withHTTPClient(
    _ options: HTTPClient.Options = .plain,
    _ body: @escaping @Sendable (HTTPClient, EpollLoop) async throws -> Void
) async throws {
    try await onLoop { loop in try await withHTTPClient(options, on: loop) { try await body($0, loop) } }
}

/// The same on a loop that runs.
func withHTTPClient(
    _ options: HTTPClient.Options, on loop: EpollLoop, _ body: @escaping @Sendable (HTTPClient) async throws -> Void
) async throws {
    let client = try HTTPClient(options, on: loop)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.run() }
        group.addTask {
            try await withDeadline(.now.advanced(by: .seconds(20)), on: loop) { try await body(client) }
        }
        try await group.next()
        group.cancelAll()
        await #expect(throws: CancellationError.self) { try await group.next() }
    }
}

extension HTTPClient.Options {
    /// Nothing from the environment that the tests happen to run in.
    static var plain: HTTPClient.Options {
        var options = HTTPClient.Options()
        options.environment = [:]
        return options
    }
}

/// A server that does to each connection what it is told to: `script` gets the connection and its number, from 0.
struct ScriptedServer: Sendable {
    let url: String
    let accepted: Lock<Int>

    /// Serves while `body` runs.
    static func run(
        on loop: EpollLoop, _ script: @escaping @Sendable (ScriptedConnection, Int) async throws -> Void,
        _ body: @escaping @Sendable (ScriptedServer) async throws -> Void
    ) async throws {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let server = ScriptedServer(url: "http://\(listener.address)", accepted: Lock(0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { connections in
                    while true {
                        let stream = try await listener.accept()
                        let number = server.accepted.withLock { count in
                            count += 1
                            return count - 1
                        }
                        connections.addTask {
                            defer { stream.close() }
                            // What the client does to the connection is the client's to judge.
                            try? await script(ScriptedConnection(stream: stream), number)
                        }
                    }
                }
            }
            group.addTask { try await body(server) }
            try await group.next()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        listener.close()
    }

    var connections: Int { accepted.withLock { $0 } }
}

/// One connection of a ``ScriptedServer``.
final class ScriptedConnection: Sendable {
    let stream: LinuxIO.Stream
    private let rest = Lock<[UInt8]>([])

    init(stream: LinuxIO.Stream) { self.stream = stream }

    /// Reads a request with its body: all of it as text; throws at the end of the connection.
    func request() async throws -> String {
        while true {
            let text = String(decoding: rest.withLock { $0 }, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let length =
                    text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                    .flatMap { Int($0.dropFirst(16)) } ?? 0
                let size = text[..<end.upperBound].utf8.count + length
                if text.utf8.count >= size {
                    rest.withLock { $0.removeFirst(size) }
                    return String(decoding: Array(text.utf8).prefix(size), as: UTF8.self)
                }
            }
            let bytes = try await stream.read(upTo: 65536)
            if bytes.isEmpty { throw StreamClosed() }
            rest.withLock { $0 += bytes }
        }
    }

    func say(_ text: String) async throws { try await stream.write(Array(text.utf8)) }

    /// Waits for the client to go away.
    func untilClosed() async { while let bytes = try? await stream.read(upTo: 4096), !bytes.isEmpty {} }
}
