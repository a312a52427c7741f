import HTTPTransport
import LinuxIO
import TestSupport
import Testing

/// A connection that says exactly what it is told to, and reads answers.
struct Client {
    let stream: LinuxIO.Stream
    private var rest: [UInt8] = []

    init(_ address: SocketAddress, _ loop: EpollLoop) async throws {
        stream = try await LinuxIO.Stream.connect(to: address, on: loop)
    }

    func send(_ text: String) async throws { try await stream.write(Array(text.utf8)) }

    struct Answer {
        let head: String
        let body: String
        var status: String { String(head.split(separator: " ").dropFirst().first ?? "") }
    }

    /// The next answer, whose body must have a length; nil when the server closed instead.
    mutating func answer(hasBody: Bool = true) async throws -> Answer? {
        guard let head = try await take(through: "\r\n\r\n") else { return nil }
        let lines = head.split(separator: "\r\n")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(16)) }
        guard hasBody else { return Answer(head: head, body: "") }
        while rest.count < length ?? 0 { guard try await more() else { return nil } }
        defer { rest = Array(rest.dropFirst(length ?? 0)) }
        return Answer(head: head, body: String(decoding: rest.prefix(length ?? 0), as: UTF8.self))
    }

    /// Reads until the server closes; a reset counts as that.
    mutating func isClosed() async -> Bool {
        while (try? await more()) == true {}
        return true
    }

    private mutating func take(through mark: String) async throws -> String? {
        while true {
            let text = String(decoding: rest, as: UTF8.self)
            if let end = text.firstRange(of: mark) {
                let head = String(text[..<end.upperBound])
                rest = Array(rest.dropFirst(head.utf8.count))
                return head
            }
            guard try await more() else { return nil }
        }
    }

    private mutating func more() async throws -> Bool {
        let bytes: [UInt8]
        do { bytes = try await stream.read(upTo: 65536) } catch is SystemCallError { return false }
        rest += bytes
        return !bytes.isEmpty
    }
}

/// Runs `body` beside a server that answers with `handler`, on one loop; then stops the server.
func withServer(
    _ limits: HTTPServer.Limits = .init(),
    handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = { .text("\($0.method) \($0.target)\n") },
    _ body: @escaping @Sendable (SocketAddress, EpollLoop) async throws -> Void
) async throws {
    try await onLoop { loop in
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let server = try HTTPServer(on: listener, loop: loop, limits: limits, handler: handler)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                try await withDeadline(.now.advanced(by: .seconds(5)), on: loop) {
                    try await body(server.address, loop)
                }
            }
            try await group.next()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }
}
