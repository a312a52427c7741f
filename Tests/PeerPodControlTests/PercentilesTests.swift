import Testing

@testable import PeerPodControl

@Suite struct PercentilesTests {
    @Test("are measured values by nearest rank, in any order of the values")
    func nearestRank() throws {
        let spread = try #require(Percentiles(of: (1...200).map { Duration.milliseconds($0) }.shuffled()))
        #expect(spread.p50 == .milliseconds(100))
        #expect(spread.p90 == .milliseconds(180))
        #expect(spread.p99 == .milliseconds(198))
        #expect(spread.max == .milliseconds(200))
    }

    @Test("of three values are the middle one and the largest")
    func ofThree() throws {
        let spread = try #require(Percentiles(of: [.seconds(3), .seconds(1), .seconds(2)]))
        #expect(spread.p50 == .seconds(2))
        #expect(spread.p90 == .seconds(3))
        #expect(spread.p99 == .seconds(3))
        #expect(spread.max == .seconds(3))
    }

    @Test("of one value are that value, and do not exist for no values")
    func ofFew() throws {
        let spread = try #require(Percentiles(of: [.seconds(7)]))
        #expect([spread.p50, spread.p90, spread.p99, spread.max] == Array(repeating: .seconds(7), count: 4))
        #expect(Percentiles(of: []) == nil)
    }
}
