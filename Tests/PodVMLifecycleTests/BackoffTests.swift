import Testing

@testable import PodVMLifecycle

@Suite("Backoff")
struct BackoffTests {
    @Test("doubles from a second to a minute")
    func doubling() {
        var backoff = Backoff()
        let waits = (0..<9).map { _ in backoff.wait(random: 0) }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60].map { Duration.seconds($0) })
    }

    @Test("spreads callers that failed together, over the second half of the pause", arguments: [0, 0.3, 0.999])
    func jitter(random: Double) {
        var backoff = Backoff()
        for whole in [1, 2, 4, 8] {
            let wait = backoff.wait(random: random)
            #expect(wait <= .seconds(whole) && wait >= .seconds(whole) / 2)
        }
    }

    @Test("is never shorter than advised, nor shorter than without advice")
    func advice() {
        var backoff = Backoff()
        #expect(backoff.wait(advised: .seconds(30), random: 0.5) >= .seconds(30))
        #expect(backoff.wait(advised: .zero, random: 0) == .seconds(2))
    }
}
