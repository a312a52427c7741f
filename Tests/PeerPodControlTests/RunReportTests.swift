import JSON
import Testing

@testable import PeerPodControl

@Suite struct RunReportTests {
    private func outcome(_ pod: String, _ result: PodOutcome.Result, milliseconds: Int = 1000) -> PodOutcome {
        var timeline = PodTimeline()
        timeline.add(.create, from: .zero, to: .milliseconds(milliseconds / 10))
        timeline.add(.start, from: .milliseconds(milliseconds / 10), to: .milliseconds(milliseconds))
        return PodOutcome(
            pod: pod, namespace: "default", sandbox: String(repeating: "ab", count: 32), timeline: timeline,
            result: result)
    }

    private let refusal = PodFailure(
        operation: "hypervisor.Hypervisor/StartVM", message: "RESOURCE_EXHAUSTED: no quota", advice: "Ask for more.")

    @Test("one pod is shown as one bar for each phase, at the phase's place in time")
    func bars() {
        let report = RunReport(outcomes: [outcome("web", .exited(status: 3))], concurrency: 1, elapsed: .seconds(1))
        #expect(
            report.lines(width: 40) == [
                "pod default/web, sandbox abababababab: ended with status 3 after 1.00 s",
                "  create  ██                    100 ms",
                "  start     ██████████████████  900 ms",
            ])
    }

    @Test("a very short phase still has a mark, and no bar is longer than its column", arguments: [20, 40, 80, 200])
    func shortPhases(width: Int) {
        var timeline = PodTimeline()
        timeline.add(.create, from: .zero, to: .nanoseconds(1))
        timeline.add(.start, from: .nanoseconds(1), to: .seconds(10))
        timeline.add(.stop, from: .seconds(10), to: .seconds(10))
        let bars = timeline.bars(width: width)
        #expect(bars.count == 3)
        #expect(bars.allSatisfy { line in line.contains { "▏▎▍▌▋▊▉█".contains($0) } })
        #expect(Set(bars.map(\.count)).count == 1)
    }

    @Test("many pods are shown as percentiles, with each failure and what to do")
    func many() {
        let outcomes = [
            outcome("a", .exited(status: 0)), outcome("b", .exited(status: 2), milliseconds: 2000),
            outcome("c", .failed(refusal), milliseconds: 500),
        ]
        let report = RunReport(outcomes: outcomes, concurrency: 2, elapsed: .milliseconds(3210))
        #expect(
            report.lines(width: 80) == [
                "3 pods, 2 at a time, in 3.21 s: 1 failed, 1 ended with a status other than 0",
                "             p50     p90     p99     max",
                "  create  100 ms  200 ms  200 ms  200 ms",
                "  start   900 ms  1.80 s  1.80 s  1.80 s",
                "  total   1.00 s  2.00 s  2.00 s  2.00 s",
                "c: hypervisor.Hypervisor/StartVM: RESOURCE_EXHAUSTED: no quota",
                "  Ask for more.",
            ])
    }

    @Test("a failed clean-up is reported after the first failure, because a VM may be left")
    func failedTwice() {
        var twice = outcome("web", .failed(refusal))
        twice.teardownFailures = [
            PodFailure(operation: "hypervisor.Hypervisor/StopVM", message: "no answer", advice: "Look for the VM.")
        ]
        let report = RunReport(outcomes: [twice], concurrency: 1, elapsed: .seconds(1))
        #expect(
            report.failureLines == [
                "web: hypervisor.Hypervisor/StartVM: RESOURCE_EXHAUSTED: no quota", "  Ask for more.",
                "web: hypervisor.Hypervisor/StopVM: no answer", "  Look for the VM.",
            ])
    }

    @Test("the JSON has every pod with its phases, status and failures, and the percentiles")
    func json() throws {
        let report = RunReport(
            outcomes: [outcome("a", .exited(status: 7)), outcome("b", .failed(refusal))], concurrency: 2,
            elapsed: .milliseconds(1500))
        let document = try JSONNode(JSONValue(parsing: report.json.encoded()))
        let pods = try document.objects("pods")
        #expect(try pods[0].string("pod") == "a")
        #expect(try pods[0].integer("exitStatus") == 7)
        #expect(try pods[0].objects("phases").map { try $0.string("phase") } == ["create", "start"])
        #expect(try pods[0].objects("phases").map { try $0.number("startMilliseconds") } == [0, 100])
        #expect(try pods[1].string("ending") == "failed")
        #expect(try pods[1].objects("failures")[0].string("advice") == "Ask for more.")
        let summary = try document.object("summary")
        #expect(try summary.integer("failed") == 1)
        #expect(try summary.number("elapsedMilliseconds") == 1500)
        #expect(try summary.object("milliseconds").object("start").number("p99") == 900)
    }

    @Test("the exit status is the command's, except that a failure of peerpodctl itself gives 125")
    func exitStatus() {
        let fine = outcome("a", .exited(status: 0))
        let two = outcome("b", .exited(status: 2))
        let killed = outcome("c", .exited(status: 137))
        var dirty = fine
        dirty.teardownFailures = [refusal]
        #expect(ExitStatus.of([fine]) == 0)
        #expect(ExitStatus.of([killed]) == 137)
        #expect(ExitStatus.of([fine, two, killed]) == 2)
        #expect(ExitStatus.of([two, outcome("d", .failed(refusal))]) == 125)
        #expect(ExitStatus.of([two, outcome("d", .interrupted)]) == 130)
        #expect(ExitStatus.of([outcome("d", .interrupted), outcome("e", .failed(refusal))]) == 125)
        #expect(ExitStatus.of([dirty]) == 125, "something may have been left behind")
        #expect(ExitStatus.of([outcome("a", .exited(status: 256 + 3))]) == 3)
    }
}
