import Testing

@testable import AzureProvider

@Suite("The estimate of a latency")
struct LatencyEstimateTests {
    /// How many looks each of fifty needs that take `time`, the pause doubling from an eighth of the first.
    private func looks(_ time: Duration, _ typical: LatencyEstimate) -> [Int] {
        (0..<50).map { _ in
            var (at, pause, looks) = (typical.expected, max(typical.expected / 8, .milliseconds(20)), 1)
            while at < time {
                at += pause
                pause = pause * 2
                looks += 1
            }
            typical.learn(at, atFirstLook: looks == 1)
            return looks
        }
    }

    @Test("becomes so accurate that almost no poll comes too early", arguments: [1.5, 2.0, 3.7, 8.0])
    func economy(seconds: Double) {
        let looks = looks(.seconds(seconds), LatencyEstimate(.zero, atMost: .seconds(10)))
        #expect(looks.dropFirst(5).reduce(0, +) <= 45 * 2)
    }

    @Test("returns quickly to the usual value after a short busy time")
    func busy() {
        let typical = LatencyEstimate(.zero, atMost: .seconds(10))
        for _ in 0..<16 { typical.learn(.milliseconds(500), atFirstLook: false) }
        for _ in 0..<7 { typical.learn(typical.expected + .milliseconds(2), atFirstLook: true) }
        #expect(typical.expected < .milliseconds(60))
        typical.learn(.seconds(60), atFirstLook: false)
        #expect(typical.expected < .milliseconds(60))
    }
}
