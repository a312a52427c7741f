import Synchronization
import Telemetry
import Testing

@Suite("A redactor")
struct RedactorTests {
    private let secret = "p8Q~AbCdEfGhIjKl+MnOpQrStUvWxYz/0123456789"

    private func redacted(_ text: String, hiding secrets: String...) -> String {
        let redactor = Redactor()
        for secret in secrets { redactor.hide(Secret(secret)) }
        return redactor.redacted(text)
    }

    @Test("removes every occurrence of a hidden secret, and nothing else")
    func whole() {
        #expect(redacted("a \(secret) b (\(secret))", hiding: secret) == "a ‹secret› b (‹secret›)")
        #expect(redacted(secret, hiding: secret) == "‹secret›")
        #expect(
            redacted("HTTP 403: AuthorizationFailed: no right", hiding: secret)
                == "HTTP 403: AuthorizationFailed: no right")
        #expect(redacted("", hiding: secret) == "")
        #expect(redacted("the word hush-hush", hiding: "hush-hush") == "the word ‹secret›")
        #expect(redacted("a b", hiding: "", "a", "a b") == "a b", "too short to be distinguished from words")
        #expect(redacted("ü \(secret) ü", hiding: secret) == "ü ‹secret› ü")
    }

    @Test("removes parts of a hidden secret, and its encodings in URLs and forms")
    func pieces() {
        for (start, length) in [(0, 31), (3, 31), (7, 33), (0, 40)] {
            let piece = String(secret.dropFirst(start).prefix(length))
            #expect(redacted("cut: \(piece)…", hiding: secret) == "cut: ‹secret›…", "\(piece)")
        }
        let encoded = secret.replacing("+", with: "%2B").replacing("/", with: "%2F")
        #expect(
            redacted("client_secret was \(encoded)&scope=x", hiding: secret) == "client_secret was ‹secret›&scope=x")
        let long = (0..<4000).map { String($0, radix: 36) }.joined()
        let said = redacted("user data: \(long.dropFirst(1001).prefix(500)), and so on", hiding: long)
        #expect(said == "user data: ‹secret›, and so on")
    }

    @Test(
        "removes text that looks like a secret, from any source",
        arguments: [
            ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: Bearer ‹secret›"),
            ("authorization: bearer abcdefghijklmnopqrstuvwxyz;", "authorization: bearer ‹secret›;"),
            (
                "https://x.blob.core.windows.net/c/b?sv=2024&sig=a%2Bb%3D12345&se=1",
                "https://x.blob.core.windows.net/c/b?sv=2024&sig=‹secret›&se=1"
            ),
            ("client_id=1&client_secret=short&x", "client_id=1&client_secret=‹secret›&x"),
            ("a eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2lnbmF0dXJl b", "a ‹secret› b"),
        ])
    func patterns(text: String, expected: String) { #expect(redacted(text) == expected) }

    @Test(
        "does not change text that only begins like a secret",
        arguments: ["its token_type is not Bearer", "Bearer realm", "the sig= of it", "eyJ is a prefix", "sig=1234567"])
    func words(text: String) { #expect(redacted(text) == text) }

    @Test("forgets a temporary secret at the end of its block, and the oldest of very many secrets")
    func forgetting() async {
        let redactor = Redactor()
        redactor.hide(Secret("forever: 0123456789"))
        await redactor.hiding(Secret(secret)) {
            #expect(redactor.redacted(secret) == "‹secret›")
            await redactor.hiding(Secret(secret)) {}
            #expect(redactor.redacted(secret) == "‹secret›", "another block still hides the secret")
        }
        #expect(redactor.redacted(secret) == secret)
        for number in 0..<1000 { redactor.hide(Secret("token number \(number) of many")) }
        #expect(redactor.redacted("token number 999 of many") == "‹secret›")
        #expect(redactor.redacted("token number 0 of many") == "token number 0 of many")
        for number in 1000..<2000 {
            redactor.hide(Secret("forever: 0123456789"))
            redactor.hide(Secret("token number \(number) of many"))
        }
        #expect(redactor.redacted("forever: 0123456789") == "‹secret›", "the secret was hidden again")
    }

    @Test("is used by a logger for every message and field, and by all loggers made from that logger")
    func logger() {
        let lines = Mutex("")
        let logger = Logger(level: .info, format: .json) { line in
            lines.withLock { $0 += String(decoding: line, as: UTF8.self) }
        }
        let child = logger.with("early", secret)
        child.redactor?.hide(Secret(secret))
        logger.info("got \(secret)", [LogField("error", secret), LogField("count", 3)])
        child.info("once more")
        let said = lines.withLock { $0 }
        #expect(said.ranges(of: "‹secret›").count == 3)
        #expect(!said.contains(secret.prefix(8)))
        #expect(said.contains("\"count\":3"))
        #expect(Logger.silent.redactor == nil)
    }
}
