import Doubles
import HTTPTransport
import LinuxIO
import Testing

@testable import AzureProvider

@Suite("The throttle")
struct ARMThrottleTests {
    private let clock = QuickClock()

    private func times(_ count: Int, _ callClass: CallClass, _ throttle: ARMThrottle) async throws -> Duration {
        let begun = clock.now
        for _ in 0..<count { _ = try await throttle.turn(callClass) }
        return begun.duration(to: clock.now)
    }

    private func learn(
        _ throttle: ARMThrottle, _ callClass: CallClass, _ status: Int, _ headers: HTTPHeaders
    ) async throws {
        let turn = try await throttle.turn(callClass)
        if status == 429 { throttle.refused(turn, headers) } else { throttle.served(turn, headers) }
    }

    @Test("does not hold up a node that has been at rest, in any class")
    func burst() async throws {
        let throttle = ARMThrottle(clock: clock)
        for callClass in CallClass.allCases { #expect(try await times(50, callClass, throttle) == .zero) }
        #expect(clock.naps.isEmpty)
    }

    @Test("lets a busy node call at its share's rate, and each class by itself")
    func rate() async throws {
        let throttle = ARMThrottle(clock: clock)
        let writes = try await times(100 + 90, .writes, throttle)
        #expect(writes > .milliseconds(9900) && writes < .milliseconds(10100))
        #expect(try await times(100, .deletions, throttle) == .zero)
        #expect(try await times(1, .reads, throttle) == .zero)
    }

    @Test("stops a class for as long as Azure asks, and only that class")
    func pause() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await learn(throttle, .writes, 429, ["Retry-After": "17"])
        #expect(try await times(1, .reads, throttle) == .zero)
        #expect(try await times(1, .writes, throttle) == .seconds(17))
    }

    @Test("goes slowly after a refusal, and quickly again once Azure's bucket is full")
    func recovery() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await learn(throttle, .writes, 429, ["Retry-After": "10"])
        // Nothing has been served: one in 80 s, and half of that where chance says zero.
        #expect(try await times(3, .writes, throttle) == .seconds(10 + 40 + 40))
        try await learn(throttle, .writes, 200, ["x-ms-ratelimit-remaining-subscription-writes": "180"])
        #expect(try await times(10, .writes, throttle) < .milliseconds(1100), "nine a second")
    }

    @Test("goes at the pace at which Azure has served it")
    func servedPace() async throws {
        let throttle = ARMThrottle(clock: clock)
        for _ in 0..<20 { try await learn(throttle, .writes, 200, [:]) }
        try await learn(throttle, .writes, 429, ["Retry-After": "1"])
        let time = try await times(11, .writes, throttle)
        #expect(time > .milliseconds(5900) && time < .seconds(6), "twenty in the 20 s in which Azure's bucket fills")
    }

    @Test("counts many refusals at once as one")
    func oneNews() async throws {
        let throttle = ARMThrottle(clock: clock)
        var turns: [ARMThrottle.Turn] = []
        for _ in 0..<20 { turns.append(try await throttle.turn(.writes)) }
        for turn in turns { throttle.refused(turn, ["Retry-After": "5"]) }
        #expect(try await times(1, .writes, throttle) == .seconds(5))
        #expect(try await times(1, .writes, throttle) == .seconds(40), "as after one")
    }

    @Test("spreads out nodes that were refused together")
    func jitter() async throws {
        var ends: Set<Duration> = []
        for chance in [0, 0.25, 0.5, 0.75] {
            let clock = QuickClock(chance: chance)
            let throttle = ARMThrottle(clock: clock)
            try await learn(throttle, .writes, 429, ["Retry-After": "10"])
            _ = try await throttle.turn(.writes)
            ends.insert(clock.slept)
        }
        #expect(ends == Set([10, 30, 50, 70].map { Duration.seconds($0) }))
    }

    @Test("slows down as Azure's bucket empties, and forgets that after a while")
    func pressure() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await learn(throttle, .writes, 200, ["x-ms-ratelimit-remaining-subscription-writes": "150"])
        #expect(try await times(50, .writes, throttle) == .zero, "there is plenty")

        try await learn(throttle, .writes, 200, ["x-ms-ratelimit-remaining-subscription-writes": "0"])
        let wait = try await times(3, .writes, throttle)
        #expect(wait > .seconds(2), "there is nothing left")

        clock.pass(.seconds(75))
        #expect(try await times(50, .writes, throttle) == .zero)
    }

    @Test("does not take one VM's own limit for the subscription's")
    func resourceQuota() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await learn(
            throttle, .reads, 200,
            ["x-ms-ratelimit-remaining-resource": "Microsoft.Compute/GetVMSubscriptionMaximum;23999,M/GetVMResource;0"])
        #expect(try await times(50, .reads, throttle) == .zero)
    }

    @Test("lets calls go in the order in which they came")
    func order() async throws {
        let clock = ManualClock()
        let throttle = ARMThrottle(clock: clock)
        try await learn(throttle, .writes, 429, ["Retry-After": "10"])
        let order = Lock<[Int]>([])
        let first = Task {
            _ = try await throttle.turn(.writes)
            order.withLock { $0.append(1) }
        }
        await clock.slept(1)
        let second = Task {
            _ = try await throttle.turn(.writes)
            order.withLock { $0.append(2) }
        }
        clock.advance(by: .seconds(10))
        await clock.slept(2)
        clock.advance(by: .seconds(60))
        try await first.value
        try await second.value
        #expect(order.withLock { $0 } == [1, 2])
    }

    /// A simulation without tasks: a thousand nodes begin within some seconds, and each has so many calls to make, one every few
    /// seconds, against the one bucket that ARM has for all of them (250 reads, and 25 more a second), whose level ARM tells.
    /// By that bucket it takes 790 s for 20 calls of each node.
    @Test(
        "has a thousand nodes take out what Azure's bucket holds, and hardly any more",
        arguments: [(0, 20, 0.1), (100, 20, 0.03), (600, 20, 0), (0, 1, 0.8), (300, 5, 0)])
    func crowd(beginWithin: Double, calls: Int, refusals: Double) {
        var dice = Dice(seed: 7)
        let start = ContinuousClock.now
        var azure = 250.0
        var (served, refused, end) = (0, 0, 0.0)
        var nodes = (0..<1000).map { _ in
            (
                bucket: TokenBucket(size: 125, rate: 22, refill: 10, now: start), due: dice.roll() * beginWithin,
                left: calls
            )
        }
        for tick in 0..<12_000 where served < 1000 * calls {
            let time = Double(tick) / 10
            let now = start.advanced(by: .seconds(time))
            azure = min(250, azure + 2.5)
            for index in nodes.indices where nodes[index].left > 0 && nodes[index].due <= time {
                let epoch = nodes[index].bucket.epoch
                if let wait = nodes[index].bucket.take(at: now, random: dice.roll()) {
                    nodes[index].due = time + wait / .seconds(1)
                } else if azure >= 1 {
                    azure -= 1
                    served += 1
                    end = time
                    nodes[index].bucket.served(at: now, takenIn: epoch, level: azure / 250, random: dice.roll())
                    nodes[index].left -= 1
                    nodes[index].due = time + 1 + dice.roll() * 4
                } else {
                    refused += 1
                    nodes[index].bucket.refused(at: now, takenIn: epoch, pause: .seconds(1), random: dice.roll())
                }
            }
        }
        #expect(served == 1000 * calls)
        #expect(Double(refused) <= Double(served) * refusals)
        #expect(end < 1050)
    }
}

/// Chance that is the same every time.
private struct Dice {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func roll() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 33) / Double(1 << 31)
    }
}
