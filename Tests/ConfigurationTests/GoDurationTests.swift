import Testing

@testable import Configuration

@Suite("Durations in Go's syntax")
struct GoDurationTests {
    @Test(
        "parses what Go parses",
        arguments: [
            ("5m", .seconds(300)), ("300s", .seconds(300)), ("1h30m", .seconds(5400)), ("1.5h", .seconds(5400)),
            ("250ms", .milliseconds(250)), ("0", .zero), ("+2s", .seconds(2)), ("-2s", .seconds(-2)),
            (".5s", .milliseconds(500)), ("1.s", .seconds(1)), ("3us", .microseconds(3)), ("3µs", .microseconds(3)),
            ("7ns", .nanoseconds(7)), ("1h1m1s1ms1us1ns", .nanoseconds(3_661_001_001_001)),
        ] as [(String, Duration)])
    func accepted(text: String, duration: Duration) throws {
        #expect(try GoDuration.parse(text) == duration)
    }

    @Test(
        "refuses what Go refuses",
        arguments: [
            "", "5", "m", ".", ".s", "-", "+", "1d", "1h30", "1 h", "s5", "1e3s", "--1s", "300000h0m999999999h",
        ])
    func refused(text: String) {
        #expect(throws: ValueError.self) { try GoDuration.parse(text) }
    }

    @Test(
        "parses every duration that it prints",
        arguments: ["5m", "1h30m", "250ms", "1s500ms", "0s", "-2s", "1us", "24h"])
    func roundTrip(text: String) throws {
        #expect(GoDuration.text(try GoDuration.parse(text)) == text)
    }
}
