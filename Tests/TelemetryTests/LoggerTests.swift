import Synchronization
import Telemetry
import Testing

/// Keeps what a logger writes.
private final class Lines: Sendable {
    private let written = Mutex<[String]>([])

    func logger(_ format: Logger.Format, _ level: LogLevel = .info) -> Logger {
        Logger(level: level, format: format) { line in
            self.written.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
    }

    var all: [String] { written.withLock { $0 } }
    var last: String { all.last ?? "" }
}

@Suite("Logger")
struct LoggerTests {
    @Test("writes JSON with time, level, message and fields")
    func json() {
        let lines = Lines()
        let logger = lines.logger(.json).with("sandbox", "s1").with("pod", "web")
        logger.warning("it is late", [LogField("seconds", 7), LogField("final", true)])
        #expect(lines.last.hasPrefix("{\"time\":\"20"))
        #expect(
            lines.last.hasSuffix(
                "Z\",\"level\":\"warning\",\"message\":\"it is late\","
                    + "\"sandbox\":\"s1\",\"pod\":\"web\",\"seconds\":7,\"final\":true}\n"))
    }

    @Test("writes text for people, and quotes only values that need it")
    func human() {
        let lines = Lines()
        lines.logger(.human).error("no VM", [LogField("vm", "podvm-1"), LogField("error", "out of \"quota\"")])
        #expect(lines.last.hasSuffix(" ERROR no VM  vm=podvm-1  error=\"out of \\\"quota\\\"\"\n"))
    }

    @Test("writes the prefix of the Go adaptor, so that a test suite that reads its log finds its lines")
    func upstream() throws {
        let lines = Lines()
        let id = String(repeating: "0a", count: 32)
        let logger = lines.logger(.upstream).with("pod", "web")
        logger.info("create a sandbox \(id) for pod web in namespace shop (netns: /run/netns/cni-1)")
        // As upstream's end-to-end tests look for it.
        let expected =
            /\d{4}\/\d{2}\/\d{2} \d{2}:\d{2}:\d{2} \[adaptor\/cloud\] create a sandbox ([0-9a-f]{64}) for pod web in namespace shop \(netns: .*\).*\n/
        let found = try #require(lines.last.wholeMatch(of: expected))
        #expect(found.1 == id)
        logger.error("no VM", [LogField("error", "out of quota")])
        #expect(lines.last.hasSuffix(" [adaptor/cloud] error: no VM  pod=web  error=\"out of quota\"\n"))
    }

    @Test("does not compute a message below the level that is logged")
    func lazy() {
        let lines = Lines()
        let logger = lines.logger(.json, .warning)
        func costly() -> String {
            Issue.record("computed")
            return ""
        }
        logger.info(costly(), [LogField("a", costly())])
        Logger.silent.error(costly())
        #expect(lines.all.isEmpty)
        #expect(!logger.isEnabled(.info) && logger.isEnabled(.warning) && !Logger.silent.isEnabled(.error))
    }

    @Test("a later field replaces an earlier one of the same key, and none replaces the line's own")
    func replacedFields() {
        let lines = Lines()
        let logger = lines.logger(.json).with("vm", "old").with("vm", "new")
        logger.info("m", [LogField("vm", "newest"), LogField("message", "other")])
        #expect(lines.last.hasSuffix("\"message\":\"m\",\"vm\":\"newest\",\"message_\":\"other\"}\n"))
    }

    @Test(
        "keeps hostile text on one line and without characters that control the terminal",
        arguments: [Logger.Format.json, .human, .upstream])
    func hostile(format: Logger.Format) {
        let lines = Lines()
        let invalid = String(decoding: [0x61, 0xff, 0x62] as [UInt8], as: UTF8.self)
        lines.logger(format).info("a\nb\u{1b}[2J\u{9b}\u{202e}", [LogField("k\r", "\0\u{7f}\u{2028}\\\"" + invalid)])
        let line = lines.last.dropLast()
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        #expect(line.contains("a\\nb\\u001b[2J\\u009b\\u202e"))
        #expect(line.contains("\\u0000\\u007f\\u2028\\\\\\\"a\u{fffd}b"))
    }

    @Test("cuts very long text")
    func long() {
        let lines = Lines()
        lines.logger(.json).info(String(repeating: "ä", count: 50_000))
        #expect(lines.last.utf8.count < 10_000)
        #expect(lines.last.contains("(100000 bytes in all)"))
    }

    @Test("shows a secret as ‹secret›, however it is printed")
    func secret() {
        struct Holder { let key: Secret<String> }
        let secret = Secret("hunter2")
        let lines = Lines()
        lines.logger(.json).with("key", secret).info("\(secret)", [LogField("holder", "\(Holder(key: secret))")])
        var dumped = ""
        dump(Holder(key: secret), to: &dumped)
        for text in [lines.last, dumped, String(reflecting: secret), String(describing: Optional(secret))] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("‹secret›"))
        }
        #expect(secret.reveal() == "hunter2")
    }

    @Test("parses levels by name", arguments: [("debug", LogLevel.debug), ("WARN", .warning), ("Error", .error)])
    func levels(name: String, level: LogLevel) {
        #expect(LogLevel(name: name) == level)
        #expect(LogLevel(name: "loud") == nil)
    }
}

@Suite("WallTime")
struct WallTimeTests {
    @Test(
        "prints RFC 3339",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_798_761_599_999, "2026-12-31T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (.max, "292278994-08-17T07:12:55.807Z"), (.min, "-292275055-05-16T16:47:04.192Z"),
        ] as [(Int64, String)])
    func rfc3339(milliseconds: Int64, text: String) {
        #expect("\(WallTime(millisecondsSinceEpoch: milliseconds))" == text)
    }

    @Test(
        "accepts any number of seconds, and prints the end of its range for numbers outside",
        arguments: [Int64.min, -1, 0, .max])
    func anySeconds(seconds: Int64) {
        let time = WallTime(secondsSinceEpoch: seconds)
        #expect(time.secondsSinceEpoch == max(.min / 1000 - 1, min(seconds, .max / 1000)))
        #expect("\(time)".hasSuffix("Z"))
    }
}
