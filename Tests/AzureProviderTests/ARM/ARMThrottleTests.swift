import Doubles
import HTTPTransport
import LinuxIO
import Testing

@testable import AzureProvider

@Suite("The throttle")
struct ARMThrottleTests {
    private let clock = InstantClock()

    private let plenty: HTTPHeaders = ["x-ms-ratelimit-remaining-subscription-writes": "199"]

    /// Sends calls that are all served, one after another, and says how long that took.
    private func times(
        _ count: Int, _ callClass: CallClass, _ throttle: ARMThrottle, _ headers: HTTPHeaders = [:]
    ) async throws -> Duration {
        let begun = clock.now
        for _ in 0..<count { throttle.served(try await throttle.permit(callClass), headers) }
        return begun.duration(to: clock.now)
    }

    private func refuse(_ throttle: ARMThrottle, _ callClass: CallClass, _ headers: HTTPHeaders) async throws {
        throttle.refused(try await throttle.permit(callClass), headers)
    }

    @Test("does not delay the calls of an idle node, in any class")
    func burst() async throws {
        let throttle = ARMThrottle(clock: clock)
        for callClass in CallClass.allCases { #expect(try await times(50, callClass, throttle) == .zero) }
        #expect(clock.naps.isEmpty)
    }

    @Test("sends one call after a time without an answer, and more once it is answered")
    func probe() async throws {
        let throttle = ARMThrottle(clock: clock)
        let first = try await throttle.permit(.writes)
        throttle.served(first, plenty)
        for _ in 0..<10 { _ = try await throttle.permit(.writes) }
        #expect(clock.naps.isEmpty)

        clock.pass(.seconds(60))
        let lone = ARMThrottle(clock: clock)
        _ = try await lone.permit(.writes)
        _ = try await lone.permit(.writes)
        #expect(clock.slept == .seconds(3), "the wait for an answer that does not come has a limit")
    }

    @Test("lets a busy node call at the rate of its share, separately for each class")
    func rate() async throws {
        let throttle = ARMThrottle(clock: clock)
        let writes = try await times(100 + 90, .writes, throttle, plenty)
        #expect(writes > .milliseconds(9900) && writes < .milliseconds(10100))
        #expect(try await times(100, .deletions, throttle) == .zero)
        #expect(try await times(1, .reads, throttle) == .zero)
    }

    @Test("stops a class for as long as Azure asks, and only that class")
    func pause() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await refuse(throttle, .writes, ["Retry-After": "17"])
        #expect(try await times(1, .reads, throttle) == .zero)
        #expect(try await times(1, .writes, throttle) == .seconds(17))
    }

    @Test("is as fast as before as soon as Azure's bucket is full again")
    func recovery() async throws {
        let throttle = ARMThrottle(clock: clock)
        try await refuse(throttle, .writes, ["Retry-After": "10"])
        #expect(try await times(1, .writes, throttle, plenty) == .seconds(10))
        // One more had been asked for at the slow pace, perhaps; what comes after that is free.
        _ = try await times(1, .writes, throttle, plenty)
        #expect(try await times(50, .writes, throttle, plenty) == .zero)
    }

    @Test("counts many refusals at once as one")
    func oneNews() async throws {
        let throttle = ARMThrottle(clock: clock)
        throttle.served(try await throttle.permit(.writes), plenty)
        var permits: [ARMThrottle.Permit] = []
        for _ in 0..<20 { permits.append(try await throttle.permit(.writes)) }
        for permit in permits { throttle.refused(permit, ["Retry-After": "5"]) }
        #expect(try await times(1, .writes, throttle) == .seconds(5))
    }

    @Test("spreads out nodes that were refused together")
    func jitter() async throws {
        var probes: [Duration] = []
        var ends: [Duration] = []
        for chance in [0, 0.25, 0.5, 0.75] {
            let clock = InstantClock(chance: chance)
            let throttle = ARMThrottle(clock: clock)
            throttle.refused(try await throttle.permit(.writes), ["Retry-After": "10"])
            let probe = try await throttle.permit(.writes)
            probes.append(clock.slept)
            throttle.refused(probe, ["Retry-After": "10"])
            _ = try await throttle.permit(.writes)
            ends.append(clock.slept - probes[probes.count - 1])
        }
        #expect(probes == [10_000, 11_250, 12_500, 13_750].map { Duration.milliseconds($0) })
        #expect(ends == [10, 40, 70, 100].map { Duration.seconds($0) })
    }

    @Test("is at full pace within seconds of a single refusal, in every class")
    func singleRefusal() async throws {
        for callClass in CallClass.allCases {
            let clock = InstantClock(chance: 0.99)
            let throttle = ARMThrottle(clock: clock)
            throttle.refused(try await throttle.permit(callClass), ["Retry-After": "1"])
            for _ in 0..<50 { throttle.served(try await throttle.permit(callClass), plenty) }
            #expect(clock.slept < .seconds(12), "\(callClass): \(clock.slept)")
        }
    }

    @Test("slows down to the rate of this node's share as Azure's bucket empties")
    func pressure() async throws {
        let throttle = ARMThrottle(clock: clock)
        _ = try await times(10, .writes, throttle, ["x-ms-ratelimit-remaining-subscription-writes": "150"])
        #expect(clock.naps.isEmpty, "no call waits while many calls are left")
        // This node sent 11 of the 120 calls, so that its share of the refill of 10 a second is 0.9.
        let half: HTTPHeaders = ["x-ms-ratelimit-remaining-subscription-writes": "80"]
        _ = try await times(1, .writes, throttle, half)
        let wait = try await times(10, .writes, throttle, half)
        #expect(wait > .seconds(3) && wait < .seconds(12))
    }

    @Test("distinguishes the limit of one VM from the limit of the subscription")
    func resourceQuota() async throws {
        let throttle = ARMThrottle(clock: clock)
        throttle.served(
            try await throttle.permit(.reads),
            ["x-ms-ratelimit-remaining-resource": "Microsoft.Compute/GetVMSubscriptionMaximum;23999,M/GetVMResource;0"])
        #expect(try await times(50, .reads, throttle) == .zero)
    }

    @Test("sends calls in the order in which they arrived")
    func order() async throws {
        let clock = ManualClock()
        let throttle = ARMThrottle(clock: clock)
        throttle.refused(try await throttle.permit(.writes), ["Retry-After": "10"])
        let order = Lock<[Int]>([])
        let first = Task {
            let permit = try await throttle.permit(.writes)
            order.withLock { $0.append(1) }
            throttle.served(permit, [:])
        }
        await clock.slept(1)
        let second = Task {
            _ = try await throttle.permit(.writes)
            order.withLock { $0.append(2) }
        }
        clock.advance(by: .seconds(10))
        try await first.value
        try await second.value
        #expect(order.withLock { $0 } == [1, 2])
    }
}
