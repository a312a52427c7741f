import LinuxIO
import TTRPC
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("Many pods")
struct PodRunnerTests {
    private func plan(_ node: StandInNode, pods: Int, concurrency: Int) -> RunPlan {
        RunPlan(
            socket: node.socket, pods: pods, concurrency: concurrency, name: "web", namespace: "shop",
            annotations: [:], network: .none, timeout: .seconds(60), policy: nil,
            readsStandardInput: false, showsOutput: false, command: ["true"])
    }

    @Test("run with a limit of concurrent pods, each with its own name and id")
    func concurrency() async throws {
        try await onLoop { loop in
            let running = Lock((now: 0, most: 0))
            let node = try StandInNode(on: loop) {
                $0.startVM = {
                    running.withLock { running in
                        running.now += 1
                        running.most = max(running.most, running.now)
                    }
                    // As many as may be here at once get the time to be here.
                    for _ in 0..<50 { await loop.yield() }
                    running.withLock { $0.now -= 1 }
                }
            }
            let runner = PodRunner(
                plan: plan(node, pods: 12, concurrency: 4), loop: loop, control: RunControl(), output: { _ in .none })
            let outcomes = try await node.serve { await runner.run() }
            #expect(outcomes.map(\.pod) == (1...12).map { $0 < 10 ? "web-0\($0)" : "web-\($0)" })
            #expect(Set(outcomes.map(\.sandbox)).count == 12)
            #expect(outcomes.allSatisfy { $0.failures.isEmpty })
            #expect(running.withLock { $0.most } == 4)
            #expect(node.calls.count { $0 == "StopVM" } == 12)
        }
    }

    @Test("no pod starts after an interrupt, and running pods are stopped in order")
    func interrupt() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.startVM = { try await loop.sleep(for: .seconds(3600)) } }
            let control = RunControl()
            let runner = PodRunner(
                plan: plan(node, pods: 10, concurrency: 3), loop: loop, control: control, output: { _ in .none })
            let outcomes = try await node.serve {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while node.calls.count(where: { $0 == "StartVM" }) < 3 { await loop.yield() }
                        control.interrupt(Signals.interrupt)
                    }
                    return await runner.run()
                }
            }
            #expect(outcomes.count == 3)
            #expect(node.calls.count { $0 == "CreateVM" } == 3)
            #expect(node.calls.count { $0 == "StopVM" } == 3)
            #expect(ExitStatus.of(outcomes) == 130)
        }
    }

    @Test("a pod that fails does not affect the others")
    func oneFails() async throws {
        try await onLoop { loop in
            let started = Lock(0)
            let node = try StandInNode(on: loop) {
                $0.startVM = {
                    let number = started.withLock { started in
                        started += 1
                        return started
                    }
                    if number == 2 { throw Status(.internal, "bad luck") }
                }
            }
            let runner = PodRunner(
                plan: plan(node, pods: 5, concurrency: 5), loop: loop, control: RunControl(), output: { _ in .none })
            let outcomes = try await node.serve { await runner.run() }
            #expect(outcomes.count { !$0.failures.isEmpty } == 1)
            #expect(node.calls.count { $0 == "StopVM" } == 5)
        }
    }
}
