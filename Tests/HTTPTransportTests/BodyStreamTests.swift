import HTTPTransport
import LinuxIO
import TestSupport
import Testing

@Suite("HTTP bodies in parts")
struct BodyStreamTests {
    @Test("a client receives each part while the server's answer continues", arguments: [false, true])
    func parts(isSecure: Bool) async throws {
        let stream = HTTPBodyStream()
        let received = Lock([UInt8]())
        let body: @Sendable (String, HTTPClient, EpollLoop) async throws -> Void = { url, client, loop in
            var request = OutgoingRequest("GET", url)
            request.onBody = { part in
                received.withLock { $0 += part }
                return true
            }
            try await withThrowingTaskGroup(of: Int.self) { [request] group in
                group.addTask { try await client.send(request).status }
                stream.write(Array("one ".utf8))
                try await eventually(on: loop, "the first part") { received.withLock { $0.count } == 4 }
                let long = [UInt8](repeating: 0x61, count: 200_000)
                stream.write(long)
                try await eventually(on: loop, "the long part") { received.withLock { $0.count } == 200_004 }
                stream.finish()
                #expect(try await group.next() == 200)
            }
            try await eventually(on: loop, "the end of the stream") { stream.isClosed.isSet }
            #expect(!stream.write([1]))
        }
        let handler: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            var response = HTTPResponse(status: 200)
            response.stream = stream
            return response
        }
        if isSecure {
            try await SecureServer.run(handler: handler) { server, client in
                try await body("https://localhost:\(server.port)/watch", client, server.loop)
            }
        } else {
            try await withHTTPClient { client, loop in
                try await serving(on: loop, handler) { url in try await body(url, client, loop) }
            }
        }
    }

    @Test("a receiver that refuses a part ends the transfer")
    func refused() async throws {
        let stream = HTTPBodyStream()
        try await withHTTPClient { client, loop in
            try await serving(
                on: loop,
                { _ in
                    var response = HTTPResponse(status: 200)
                    response.stream = stream
                    return response
                }
            ) { url in
                stream.write([1, 2, 3])
                var request = OutgoingRequest("GET", url)
                request.onBody = { _ in false }
                var reason: HTTPError.Reason?
                do throws(HTTPError) { _ = try await client.send(request) } catch { reason = error.reason }
                #expect(reason == .answerTooLarge)
            }
        }
    }

    @Test("a body with an error's status is not passed to the receiver")
    func errors() async throws {
        try await withHTTPClient { client, loop in
            try await serving(on: loop, { _ in .text("no\n", status: 403) }) { url in
                var request = OutgoingRequest("GET", url)
                request.onBody = { _ in
                    Issue.record("the receiver was called")
                    return false
                }
                let response = try await client.send(request)
                #expect(response.status == 403)
                #expect(response.body == Array("no\n".utf8))
            }
        }
    }

    private func serving(
        on loop: EpollLoop, _ handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
        _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let server = try HTTPServer(on: listener, loop: loop, handler: handler)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { do { try await server.run() } catch is CancellationError {} }
            defer { group.cancelAll() }
            try await body("http://\(server.address)/watch")
        }
    }
}
