import Simulation
import Testing

@Suite("The simulation of the lifecycle")
struct SimulationTests {
    // scripts/simulate runs 100,000 schedules with optimised code, and plants each defect.
    private let schedules = 100

    @Test("every rule holds while faults are injected")
    func rules() async throws {
        let report = try await Simulator.run(first: 1, count: schedules, threads: 2)
        #expect(report.schedules == schedules)
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(report.checks.total > schedules && report.faults.total > schedules)
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
        arguments: [
            (Defect.noRecord, Invariant.recordsMoveForward), (.noSync, .recordBeforeEffect),
            (.earlyRelease, .numberHeldUntilDeletion),
        ])
    func defects(defect: Defect, invariant: Invariant) async throws {
        let report = try await Simulator.run(first: 1, count: 5_000, threads: 1, defect: defect)
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
