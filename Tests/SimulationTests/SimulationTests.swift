import Doubles
import Simulation
import Testing

@Suite("The simulation of the lifecycle")
struct SimulationTests {
    /// ThreadSanitizer makes a schedule ten times slower.
    // Each fault and each rule occurs in these schedules. scripts/simulate runs 100,000.
    private let schedules = hasThreadSanitizer ? 200 : 600

    @Test("every rule holds, and is checked, while every fault is injected")
    func rules() async throws {
        let report = try await Simulator.run(first: 1, count: schedules, threads: 2)
        #expect(report.schedules == schedules)
        #expect(report.failures.isEmpty, "\(report.failures)")
        if hasThreadSanitizer { return }
        for fault in Fault.allCases { #expect(report.faults[fault] > 0, "not injected: \(fault.rawValue)") }
        for invariant in Invariant.allCases {
            #expect(report.checks[invariant] > 0, "not checked: \(invariant.rawValue)")
        }
    }

    @Test("the same seed makes the same steps")
    func replay() {
        for seed in UInt64(1)...50 {
            let isSame = Simulator.trace(seed: seed).lines == Simulator.trace(seed: seed).lines
            #expect(isSame, "Seed \(seed) is not repeatable. Does the lifecycle act in the order of a dictionary?")
        }
    }

    @Test("another seed makes other steps")
    func seeds() {
        #expect(Simulator.trace(seed: 1).lines != Simulator.trace(seed: 2).lines)
    }

    @Test(
        "a planted defect breaks a rule",
        // The seeds are shortly before the first schedule that breaks the rule, so that few schedules run without an error.
        arguments: [
            (Defect.noRecord, Invariant.recordsMoveForward, UInt64(1)), (.noSync, .recordBeforeEffect, 1),
            (.noSweep, .noVMWithoutOwner, 1), (.deleteAtLoad, .recordsMoveForward, 1),
            (.trustFailedDeletion, .numberHeldUntilDeletion, 1), (.earlyRelease, .numberHeldUntilDeletion, 1),
            (.earlyDiscard, .documentKept, 160), (.noAdoption, .numberNotShared, 110),
            (.forgetDamaged, .stoppedIsGone, 60), (.noVMID, .recordOfThisVM, 1_710), (.noLeftovers, .noLeftover, 1),
            (.noUntagged, .numberHeldUntilDeletion, 470), (.noLock, .recordsMoveForward, 1),
        ])
    func defects(defect: Defect, invariant: Invariant, first: UInt64) async throws {
        let report = try await Simulator.run(first: first, count: 5_000, threads: 1, defect: defect)
        #expect(report.failures.first?.violation.invariant == invariant, "\(report.failures)")
    }

    @Test("a task that escapes from the executor breaks a rule")
    func escape() async throws {
        let report = try await Simulator.run(first: 1, count: 100, threads: 1, defect: .escape)
        // A crash, or the rest of the schedule, can come before the escaped task returns; then another rule is broken.
        let broken = try #require(report.failures.first?.violation.invariant)
        #expect([.noEscape, .processUnwinds, .stoppedIsGone, .comesToRest].contains(broken))
    }
}
