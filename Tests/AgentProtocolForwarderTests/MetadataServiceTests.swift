import Configuration
import LinuxIO
import TestSupport
import Testing

@testable import AgentProtocolForwarder

/// A metadata service that answers one connection after another with the given answers in turn, and then always with
/// the last.
private final class ScriptedService: Sendable {
    enum Answer: Sendable {
        case text(String)
        /// Reads the request and does not answer.
        case nothing
        /// Sends bytes until the client closes the connection.
        case endless
    }

    let listener: Listener
    let questions = Lock<[String]>([])
    private let answers: [Answer]

    init(_ answers: [Answer], on loop: EpollLoop) throws {
        self.answers = answers
        listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var number = 0
            while true {
                let stream = try await listener.accept()
                let answer = answers[min(number, answers.count - 1)]
                number += 1
                group.addTask { try? await self.serve(stream, answer) }
            }
        }
    }

    private func serve(_ stream: LinuxIO.Stream, _ answer: Answer) async throws {
        defer { stream.close() }
        var question = ""
        while !question.hasSuffix("\r\n\r\n"), case let bytes = try await stream.read(upTo: 4096), !bytes.isEmpty {
            question += String(decoding: bytes, as: UTF8.self)
        }
        questions.withLock { $0.append(question) }
        switch answer {
        case .text(let text): try await stream.write(Array(text.utf8))
        case .nothing: _ = try await stream.read(upTo: 1)
        case .endless:
            try await stream.write(Array("HTTP/1.0 200 OK\r\n\r\n".utf8))
            let bytes = [UInt8](repeating: UInt8(ascii: "A"), count: 16 << 10)
            while true { try await stream.write(bytes) }
        }
    }
}

@Suite("The metadata service")
struct MetadataServiceTests {
    private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nQUJD"

    private struct Outcome: Sendable {
        var userData: [UInt8]?
        var error = ""
        var told: [String] = []
        var questions: [String] = []
    }

    /// Fetches user data from a service that answers so; `limit` is how long it may be asked again.
    private func fetch(
        _ answers: [ScriptedService.Answer], limit: Duration = .seconds(60), patience: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await onLoop { loop in
            let service = try ScriptedService(answers, on: loop)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                defer { group.cancelAll() }
                let endpoint = try MetadataEndpoint(parsing: "http://\(service.listener.address)/imds/x/")
                var asked = MetadataService(endpoint: endpoint, loop: loop)
                asked.patience = patience
                let told = Lock<[String]>([])
                var outcome = Outcome()
                do {
                    let retry = MetadataRetry(
                        firstPause: .milliseconds(1), longestPause: .milliseconds(2), limit: limit)
                    outcome.userData = try await retry.userData(from: asked) { text in told.withLock { $0.append(text) }
                    }
                } catch {
                    outcome.error = "\(error)"
                }
                outcome.told = told.withLock { $0 }
                outcome.questions = service.questions.withLock { $0 }
                return outcome
            }
        }
    }

    @Test("is asked as Azure's service requires, and its answer is used")
    func asks() async throws {
        let outcome = try await fetch([.text(Self.good)])
        #expect(outcome.userData == Array("QUJD".utf8))
        let question = try #require(outcome.questions.first)
        #expect(
            question.hasPrefix(
                "GET /imds/x/metadata/instance/compute/userData?api-version=2021-01-01&format=text HTTP/1.0\r\n"))
        #expect(question.contains("\r\nMetadata: true\r\n"))
        #expect(!question.contains("X-Forwarded-For"))
        #expect(outcome.told.isEmpty)
    }

    @Test(
        "is asked again, and the log says so, when a later answer may be different",
        arguments: [
            ("HTTP/1.1 404 Not Found\r\n\r\n", "status 404"), ("HTTP/1.1 410 Gone\r\n\r\n", "available within 70 s"),
            ("HTTP/1.1 429 Too Many\r\n\r\nslow down", "too many requests): \"slow down\""),
            ("HTTP/1.1 500 Oops\r\n\r\n", "status 500"), ("HTTP/1.1 503 Oops\r\n\r\n", "status 503"),
            ("", "ended without an answer"), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nQUJD", "ended inside"),
            ("220 mail.example.com ESMTP\r\n", "does not speak HTTP"),
            ("HTTP/1.1 200 OK\r\n\r\n", "no user data"), ("HTTP/1.1 200 OK\r\n\r\n \r\n", "no user data"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nQUJD\r\n0\r\n\r\n", "the encoding \"chunked\""),
        ])
    func asksAgain(answer: String, words: String) async throws {
        let outcome = try await fetch([.text(answer), .text(answer), .text(Self.good)])
        #expect(outcome.userData == Array("QUJD".utf8))
        #expect(outcome.told.count == 2)
        #expect(
            outcome.told.allSatisfy { $0.contains(words) && $0.contains("; the next request follows in ") },
            "\(outcome.told)")
    }

    @Test("is not asked again when a later answer would be the same", arguments: [400, 401, 403, 405])
    func givesUp(status: Int) async throws {
        let body = #"{"error":"Bad request. Required metadata header not specified"}"#
        let outcome = try await fetch([.text("HTTP/1.1 \(status) No\r\n\r\n\(body)"), .text(Self.good)])
        #expect(outcome.userData == nil)
        #expect(outcome.error.contains("status \(status)"))
        #expect(outcome.error.contains("Required metadata header"))
        #expect(outcome.questions.count == 1)
    }

    @Test("that stays unavailable is given up, and the error has its last answer")
    func staysAway() async throws {
        let outcome = try await fetch([.text("HTTP/1.1 503 Oops\r\n\r\n")], limit: .milliseconds(20))
        #expect(outcome.userData == nil)
        #expect(outcome.error.contains("status 503 (") && outcome.error.contains(" requests in "), "\(outcome.error)")
        #expect(outcome.questions.count > 1)
    }

    @Test("that does not answer, or answers without end, does not block the start and does not fill the memory")
    func hostile() async throws {
        let silent = try await fetch([.nothing], limit: .zero, patience: .milliseconds(20))
        #expect(silent.error.contains("no answer within"))
        let endless = try await fetch([.endless], limit: .zero)
        #expect(endless.error.contains("more than 131072 bytes"))
    }

    @Test("that does not exist gives an error that says so")
    func absent() throws {
        let error = #expect(throws: ForwarderError.self) {
            // No process listens on the discard port of this machine's own network.
            let source = UserDataSource.metadata(try MetadataEndpoint(parsing: "http://127.255.255.254:9"))
            _ = try source.read(MetadataRetry(limit: .zero)) { _ in }
        }
        #expect(error?.reason.contains("cannot get user data from the metadata service at 127.255.255.254:9") == true)
        #expect(error?.advice.isEmpty == false)
    }
}

@Suite("The source of user data")
struct UserDataSourceTests {
    @Test("is the source that the flags name, or else the configuration disk if it is allowed, or else Azure's service")
    func order() throws {
        let disk = Files.parent(of: SystemInfo.executablePath)
        func source(file: String = "", endpoint: String = "", allowsDisk: Bool = true, _ disk: String = disk) throws
            -> UserDataSource
        {
            try UserDataSource.choose(
                file: file, endpoint: endpoint, allowsDisk: allowsDisk, configurationDisk: disk)
        }
        let azure = UserDataSource.metadata(try MetadataEndpoint(parsing: "http://169.254.169.254"))
        #expect(try source(file: "/a", endpoint: "http://1.2.3.4") == .file("/a"))
        #expect(try source(endpoint: "http://1.2.3.4") == .metadata(MetadataEndpoint(parsing: "http://1.2.3.4:80")))
        #expect(try source() == .file(disk))
        #expect(try source(disk + "/nowhere") == azure)
        #expect(try source(allowsDisk: false) == azure, "an attached disk does not replace the user data")
    }

    @Test("endpoints have a numeric address, and optionally a port and a prefix")
    func endpoints() throws {
        let whole = try MetadataEndpoint(parsing: "http://127.0.0.1:4711/imds/secret/")
        #expect(whole.address == .tcp(host: "127.0.0.1", port: 4711))
        #expect(whole.prefix == "/imds/secret")
        #expect(!"\(whole)".contains("secret"))
        #expect(try MetadataEndpoint(parsing: "http://[fd00::1]").address == .tcp(host: "fd00::1", port: 80))
        #expect(try MetadataEndpoint(parsing: "http://[fd00::1]:81/").address == .tcp(host: "fd00::1", port: 81))
    }

    @Test(
        "refuses text that is not an endpoint",
        arguments: [
            "", "169.254.169.254", "https://169.254.169.254", "http://", "http:///x", "http://metadata",
            "http://1.2.3.4:x",
            "http://1.2.3.4:70000", "http://1.2.3.4/a b", "http://1.2.3.4/\r\nX: y", "http://1.2.3.4/?q", "http://[::1",
        ])
    func refused(text: String) {
        #expect(throws: ConfigurationError.self) { try MetadataEndpoint(parsing: text) }
    }
}
