import Testing

@testable import AgentProtocolForwarder

@Suite("An answer over HTTP/1.0")
struct HTTPResponseReaderTests {
    /// Reads `text` in pieces of `size` bytes, then the connection's end.
    private func read(
        _ text: String, inPiecesOf size: Int = .max, bodyLimit: Int = 100
    ) throws(HTTPResponseError) -> HTTPResponseReader.Answer {
        var reader = HTTPResponseReader(bodyLimit: bodyLimit)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(size)
            rest = rest.dropFirst(piece.count)
            if let answer = try reader.take(piece) { return answer }
        }
        return try reader.finish()
    }

    @Test("is parsed to the same value, however its bytes are cut", arguments: [1, 2, 3, 5, 1000])
    func cut(size: Int) throws {
        let cases = [
            ("HTTP/1.0 200 OK\r\n\r\nabc", 200, "abc"), ("HTTP/1.1 200\r\nA: b\r\n\r\nabc", 200, "abc"),
            ("HTTP/1.0 200 OK\n\nabc", 200, "abc"), ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nabc", 200, "ab"),
            ("HTTP/1.1 404 Not Found\r\ncontent-length:\t3 \r\nX:\r\n\r\nabc", 404, "abc"),
            ("HTTP/1.1 204 No Content\r\n\r\nabc", 204, ""), ("HTTP/1.1 500 \r\n\r\n", 500, ""),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n\r\n", 200, "\r\n"),
        ]
        for (text, status, body) in cases {
            let answer = try read(text, inPiecesOf: size)
            #expect(answer.status == status, "\(text.debugDescription)")
            #expect(answer.body == Array(body.utf8), "\(text.debugDescription)")
        }
    }

    @Test("that is not HTTP, or not complete, is refused", arguments: [1, 7, 1000])
    func refused(size: Int) {
        let long = String(repeating: "x", count: 101)
        let cases: [(String, HTTPResponseError)] = [
            ("", .silent), ("H", .cutShort), ("HTTP/1.0 200 OK\r\nA: b\r\n", .cutShort),
            ("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nabc", .cutShort), ("SSH-2.0-OpenSSH\r\n", .notHTTP),
            ("<html>proxy</html>", .notHTTP), ("HTTP/2 200\r\n\r\n", .notHTTP), ("HTTP/1.x 200\r\n\r\n", .notHTTP),
            ("HTTP/1.1 20x OK\r\n\r\n", .notHTTP), ("HTTP/1.1 100 Continue\r\n\r\n", .notHTTP),
            ("HTTP/1.1 99999999999999999999 OK\r\n\r\n", .notHTTP), ("HTTP/1.1\r\n\r\n", .notHTTP),
            ("HTTP/1.0 200 OK\r\nno field\r\n\r\n", .badHeader("a line is not a field")),
            ("HTTP/1.0 200 OK\r\nA: b\r\n folded\r\n\r\n", .badHeader("a line is not a field")),
            ("HTTP/1.0 200 OK\r\n: b\r\n\r\n", .badHeader("a line is not a field")),
            ("HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", .badHeader("Content-Length is not a number")),
            ("HTTP/1.0 200 OK\r\nContent-Length: \r\n\r\n", .badHeader("Content-Length is not a number")),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                .badHeader("Content-Length is not a number")
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                .badHeader("Content-Length occurs twice")
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .encoded("\"chunked\"")),
            ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", .encoded("\"gzip\"")),
            ("HTTP/1.0 200 OK\r\nContent-Length: 101\r\n\r\n", .tooLong(limit: 100)),
            ("HTTP/1.0 200 OK\r\n\r\n\(long)", .tooLong(limit: 100)),
        ]
        for (text, wanted) in cases {
            let error = #expect(throws: HTTPResponseError.self, "\(text.debugDescription)") {
                try read(text, inPiecesOf: size)
            }
            #expect(error == wanted, "\(text.debugDescription)")
        }
    }

    @Test("whose header does not end is refused exactly at the limit", arguments: [1000, .max])
    func endlessHeader(size: Int) throws {
        let start = "HTTP/1.0 200 OK\r\nA: "
        let fits = String(repeating: "x", count: HTTPResponseReader.headLimit - start.utf8.count - 2)
        #expect(try read("\(start)\(fits)\r\n\r\nabc", inPiecesOf: size).body == Array("abc".utf8))
        for text in ["\(start)\(fits)x\r\n\r\nabc", "\(start)\(fits)\(fits)"] {
            let error = #expect(throws: HTTPResponseError.self) { try read(text, inPiecesOf: size) }
            #expect(error == .headTooLong)
        }
    }
}
