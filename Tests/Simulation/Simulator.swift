internal import LinuxIO

/// Runs schedules, and adds up what they did.
package enum Simulator {
    /// What some schedules did.
    package struct Report: Sendable {
        /// The number of schedules that ran.
        package fileprivate(set) var schedules = 0
        /// The number of their steps.
        package fileprivate(set) var steps = 0
        /// How often each fault happened.
        package fileprivate(set) var faults = Tally<Fault>()
        /// How often each rule was checked.
        package fileprivate(set) var checks = Tally<Invariant>()
        /// The schedules that broke a rule: seed and violation.
        package fileprivate(set) var failures: [(seed: UInt64, violation: Violation)] = []

        package init() {}

        /// Adds the figures of other schedules.
        package mutating func add(_ other: Report) {
            schedules += other.schedules
            steps += other.steps
            faults.add(other.faults)
            checks.add(other.checks)
            failures += other.failures
        }

        fileprivate mutating func add(_ outcome: Outcome, seed: UInt64) {
            schedules += 1
            steps += outcome.steps
            faults.add(outcome.faults)
            checks.add(outcome.checks)
            if let violation = outcome.violation { failures.append((seed, violation)) }
        }
    }

    /// Runs `count` schedules from the seed `first` on several threads, until one of them breaks a rule. Each schedule
    /// plants `defect`.
    ///
    /// - Throws: `SystemCallError` when a thread cannot be started.
    package static func run(first: UInt64, count: Int, threads: Int, defect: Defect? = nil) async throws -> Report {
        let isOver = Lock(false)
        return try await withThrowingTaskGroup(of: Report.self) { group in
            for thread in 0..<threads {
                let places = stride(from: thread, to: count, by: threads)
                group.addTask { try await Thread.offLoop { run(places, from: first, until: isOver, defect) } }
            }
            return try await group.reduce(into: Report()) { $0.add($1) }
        }
    }

    private static func run(
        _ places: StrideTo<Int>, from first: UInt64, until isOver: Lock<Bool>, _ defect: Defect?
    ) -> Report {
        var report = Report()
        for place in places where !isOver.withLock({ $0 }) {
            let seed = first &+ UInt64(place)
            report.add(Schedule(seed: seed, defect: defect).run(), seed: seed)
            if !report.failures.isEmpty { isOver.withLock { $0 = true } }
        }
        return report
    }

    /// Runs one schedule. Returns its steps as text, and the broken rule, if there is one.
    package static func trace(seed: UInt64, defect: Defect? = nil) -> (lines: [String], violation: Violation?) {
        let outcome = Schedule(seed: seed, defect: defect).run()
        return (outcome.trace.lines, outcome.violation)
    }
}
