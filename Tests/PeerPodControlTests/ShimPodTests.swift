import KataProtocol
import LinuxIO
import TTRPC
import TestSupport
import Testing

@testable import PeerPodControl

/// Runs one pod against `node`; `meanwhile` may interfere.
private func runPod(
    on node: StandInNode, _ loop: EpollLoop, annotations: [String: String] = [:], network: RunNetwork = .none,
    policy: String? = nil, timeout: Duration = .seconds(600), output: PodOutput = .none,
    timeouts: ShimTimeouts = ShimTimeouts(), keepsConnection: Bool = false,
    meanwhile: @escaping @Sendable (PodControl) async -> Void = { _ in }
) async throws -> PodOutcome {
    let plan = RunPlan(
        socket: node.socket, pods: 1, concurrency: 1, name: "web", namespace: "shop", annotations: annotations,
        network: network, timeout: timeout, policy: policy, readsStandardInput: false,
        showsOutput: true, command: ["echo", "hello"])
    let control = PodControl()
    return try await node.serve {
        let pod = ShimPod(
            plan: plan,
            identity: PodIdentity(name: "web", namespace: "shop", sandbox: randomSandboxID()), control: control,
            output: output,
            hypervisor: HypervisorSocket(path: node.socket, loop: loop, keepsConnection: keepsConnection),
            timeouts: timeouts)
        return await withTaskGroup(of: PodOutcome?.self) { group in
            group.addTask {
                await meanwhile(control)
                return nil
            }
            let outcome = await pod.run()
            group.cancelAll()
            return outcome
        }
    }
}

extension PodOutcome {
    fileprivate var status: Int32? { if case .exited(let status) = result { status } else { nil } }
    fileprivate var isInterrupted: Bool { if case .interrupted = result { true } else { false } }
}

@Suite("The shim")
struct ShimPodTests {
    @Test("of kata 4 keeps one connection to the hypervisor, and gives StopVM one second")
    func rust() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop)
            let begun = ContinuousClock.now
            let outcome = try await runPod(on: node, loop, timeouts: ShimTimeouts(of: .rust), keepsConnection: true)
            #expect(outcome.status == 0)
            #expect(outcome.teardownFailures.isEmpty)
            #expect(node.calls.filter { $0.hasSuffix("VM") } == ["CreateVM", "StartVM", "StopVM"])
            #expect(node.hypervisorConnections == 1)
            let deadline = try #require(node.deadline(of: "StopVM"))
            #expect(deadline < begun.advanced(by: ShimTimeouts(of: .go).stopVM))
        }
        #expect(ShimTimeouts(of: .rust).betweenChecks == .seconds(30))
        #expect(ShimTimeouts(of: .go).betweenChecks == .seconds(5))
    }

    @Test("of kata 4 does not dial again after a StopVM that fails, and only logs the failure")
    func rustStopFails() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.stopVM = { throw Status(.unavailable, "away") } }
            let outcome = try await runPod(on: node, loop, timeouts: ShimTimeouts(of: .rust), keepsConnection: true)
            #expect(outcome.status == 0)
            #expect(outcome.teardownFailures.isEmpty)
            #expect(outcome.warnings.map(\.operation) == ["hypervisor.Hypervisor/StopVM"])
            #expect(ExitStatus.of([outcome]) == 0)
            #expect(node.hypervisorConnections == 1)
        }
    }

    @Test("makes the calls of a plain pod in order, with one connection for each hypervisor call and one for the agent")
    func order() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop)
            let outcome = try await runPod(on: node, loop)
            #expect(outcome.status == 0)
            #expect(outcome.teardownFailures.isEmpty)
            #expect(outcome.timeline.entries.map(\.phase) == [.create, .start, .agent, .run, .stop])
            let calls = node.calls
            #expect(
                calls.prefix(7) == [
                    "CreateVM", "StartVM", "Check", "GetGuestDetails", "CreateSandbox", "CreateContainer",
                    "StartContainer",
                ])
            #expect(
                Set(calls.dropFirst(7).dropLast(3)) == [
                    "WaitProcess", "GetOOMEvent", "ReadStdout", "ReadStderr", "CloseStdin",
                ])
            #expect(calls.suffix(3) == ["RemoveContainer", "DestroySandbox", "StopVM"])
            #expect(node.hypervisorConnections == 3)
            #expect(node.agentConnections == 1)
            #expect(node.metadata.allSatisfy { $0["containerd-namespace-ttrpc"] == "k8s.io" })
        }
    }

    @Test("sends in CreateVM exactly the fields that a shim sends")
    func createRequest() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop)
            _ = try await runPod(
                on: node, loop, annotations: [Annotation.machineType: "Standard_DC4es_v5"],
                network: .existing(path: "/run/netns/web"))
            let request = try node.request(of: Hypervisor.createVM)
            #expect(request.id.count == 64 && request.id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            #expect(request.networkNamespacePath == "/run/netns/web")
            #expect(
                request.annotations == [
                    "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "shop",
                    "io.katacontainers.config.hypervisor.machine_type": "Standard_DC4es_v5",
                    "io.katacontainers.config.hypervisor.image": "",
                    "io.katacontainers.config.hypervisor.default_vcpus": "0",
                    "io.katacontainers.config.hypervisor.default_memory": "0",
                    "io.katacontainers.config.hypervisor.default_gpus": "0",
                    "io.katacontainers.config.hypervisor.default_gpu_model": "",
                    "io.katacontainers.config.hypervisor.cc_init_data": "",
                ])
            #expect(try node.request(of: Hypervisor.stopVM).id == request.id)
            let container = try node.request(of: AgentService.createContainer)
            #expect(container.containerID == request.id)
            #expect(container.execID == request.id)
            #expect(container.oci?.process?.arguments == ["echo", "hello"])
        }
    }

    @Test("asks for the state of the pod's network after the command has ended and before the pod is stopped")
    func network() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.network = { soundNetwork() } }
            let outcome = try await runPod(on: node, loop, network: .existing(path: "/run/netns/web"))
            #expect(node.calls.suffix(4) == ["Network", "RemoveContainer", "DestroySandbox", "StopVM"])
            #expect(
                outcome.networkInfo == PodNetworkInfo(namespacePath: "/run/netns/web"),
                "nothing is there to look its address up")
            guard case .told(let report) = outcome.network else {
                Issue.record("no network in \(outcome)")
                return
            }
            #expect(report.verdict == .sound)
            #expect(outcome.timeline.entries.map(\.phase) == [.create, .start, .agent, .run, .stop])
        }
    }

    @Test("an adaptor that does not report networks causes no failure")
    func networkUntold() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.network = { throw Status(.unimplemented, "what?") } }
            let outcome = try await runPod(on: node, loop, network: .existing(path: "/run/netns/web"))
            #expect(outcome.failures.isEmpty && outcome.status == 0)
            guard case .untold(let failure) = outcome.network else {
                Issue.record("a network in \(outcome)")
                return
            }
            #expect(failure.message == "UNIMPLEMENTED: what?")
        }
    }

    @Test("sets a deadline for StartVM, and none for WaitProcess")
    func deadlines() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop)
            let begin = ContinuousClock.now
            _ = try await runPod(on: node, loop, timeout: .seconds(77))
            let deadline = try #require(node.deadline(of: "StartVM"))
            #expect(begin + .seconds(77) <= deadline && deadline <= .now + .seconds(77))
            #expect(node.deadline(of: "WaitProcess") == nil)
            #expect(node.deadline(of: "ReadStdout") == nil)
            #expect(try #require(node.deadline(of: "CreateSandbox")) > begin + .seconds(200))
        }
    }

    @Test("sets a policy only if the caller gives one, before the container")
    func policy() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop)
            _ = try await runPod(on: node, loop, policy: "package agent_policy")
            #expect(node.calls[5...6] == ["SetPolicy", "CreateContainer"])
            #expect(try node.request(of: AgentService.setPolicy).policy == "package agent_policy")
        }
    }

    @Test("passes on every byte of both outputs, and the command's own status")
    func outputs() async throws {
        let noise = (0..<40).map { randomBytes(32 << 10, seed: UInt64($0)) }
        try await onLoop { loop in
            let node = try StandInNode(on: loop) {
                $0.output = noise
                $0.errorOutput = [Array("oh\n".utf8), Array("dear".utf8)]
                $0.status = 42
            }
            let recording = Recording()
            let outcome = try await runPod(on: node, loop, output: recording.sink)
            #expect(outcome.status == 42)
            #expect(recording.output == Array(noise.joined()))
            #expect(recording.error == Array("oh\ndear".utf8))
        }
    }

    @Test("does not wait without end for outputs that the command's children hold open")
    func openOutputs() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.leavesOutputsOpen = true }
            let outcome = try await runPod(on: node, loop, timeouts: ShimTimeouts(graceForOutputs: .milliseconds(20)))
            #expect(outcome.status == 0)
            #expect(node.calls.last == "StopVM")
        }
    }

    @Test("ends the pod when the reader of its output has closed the pipe")
    func brokenPipe() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) {
                $0.output = [[1], [2], [3]]
                $0.runsUntilSignalled = true
            }
            let closed = PodOutput(standard: { _ in false }, error: { _ in true }, finish: {})
            #expect(try await runPod(on: node, loop, output: closed).isInterrupted)
            #expect(node.calls.last == "StopVM")
        }
    }

    @Test("calls StopVM after a failed StartVM, and reports code, message and phase")
    func startFails() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) {
                $0.startVM = { throw Status(.resourceExhausted, "no quota; ask for more") }
            }
            let outcome = try await runPod(on: node, loop)
            let failure = try #require(outcome.failures.first)
            #expect(failure.operation == "hypervisor.Hypervisor/StartVM")
            #expect(failure.message == "RESOURCE_EXHAUSTED: no quota; ask for more")
            #expect(node.calls == ["CreateVM", "StartVM", "StopVM"])
            #expect(outcome.timeline.entries.map(\.phase) == [.create, .start, .stop])
        }
    }

    @Test("does not stop a sandbox that was never created")
    func createFails() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.createVM = { throw Status(.invalidArgument, "no name") } }
            let outcome = try await runPod(on: node, loop)
            #expect(outcome.failures.first?.message == "INVALID_ARGUMENT: no name")
            #expect(node.calls == ["CreateVM"])
        }
    }

    @Test("reports what may be left when StopVM fails, although the command succeeded")
    func stopFails() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.stopVM = { throw Status(.unavailable, "disk full") } }
            let outcome = try await runPod(on: node, loop)
            #expect(outcome.status == 0)
            #expect(outcome.failures.first?.message == "UNAVAILABLE: disk full")
            #expect(outcome.failures.first?.advice.contains("may still exist") == true)
            #expect(ExitStatus.of([outcome]) == 125)
        }
    }

    @Test("closes the connection of an interrupted StartVM, and then stops the sandbox")
    func interruptedStart() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.startVM = { try await loop.sleep(for: .seconds(3600)) } }
            let outcome = try await runPod(on: node, loop) { control in
                await node.startWasCalled.wait()
                control.interrupt(Signals.interrupt)
            }
            #expect(outcome.isInterrupted)
            #expect(node.calls == ["CreateVM", "StartVM", "StopVM"])
            #expect(node.hangUps == ["StartVM"])
        }
    }

    @Test("passes an interrupt on to a running command, and returns the command's status")
    func interruptedCommand() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.runsUntilSignalled = true }
            let outcome = try await runPod(on: node, loop) { control in
                await node.commandRuns.wait()
                // StartContainer is answered before the shim knows that the command runs.
                while !node.calls.contains("WaitProcess") { await loop.yield() }
                control.interrupt(Signals.interrupt)
            }
            #expect(outcome.status == 130)
            #expect(try node.request(of: AgentService.signalProcess).signal == 2)
            #expect(node.calls.suffix(3) == ["RemoveContainer", "DestroySandbox", "StopVM"])
        }
    }

    @Test("ends the pod on the second interrupt, with only StopVM")
    func secondInterrupt() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.runsUntilSignalled = true }
            let outcome = try await runPod(on: node, loop) { control in
                await node.commandRuns.wait()
                control.stop.set()
            }
            #expect(outcome.isInterrupted)
            #expect(node.calls.last == "StopVM")
            #expect(!node.calls.contains("RemoveContainer"))
        }
    }

    @Test("asks the agent for its health at intervals, and ends the pod at the first negative answer")
    func pings() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) {
                $0.runsUntilSignalled = true
                $0.health = { checks in checks < 3 ? HealthCheckResponse.serving : HealthCheckResponse.notServing }
            }
            let outcome = try await runPod(on: node, loop, timeouts: ShimTimeouts(betweenChecks: .milliseconds(5)))
            #expect(outcome.failures.first?.operation == "grpc.Health/Check")
            #expect(outcome.failures.first?.message.contains("not serving") == true)
            #expect(node.calls.count { $0 == "Check" } == 4)
            #expect(node.calls.last == "StopVM")
        }
    }

    @Test("gives up a pod whose agent closes the connection, and does not dial the agent again")
    func agentDies() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.runsUntilSignalled = true }
            let outcome = try await runPod(on: node, loop) { _ in
                await node.commandRuns.wait()
                node.killAgent()
            }
            #expect(!outcome.failures.isEmpty)
            #expect(outcome.status == nil)
            #expect(node.agentConnections == 1)
            #expect(node.calls.last == "StopVM")
        }
    }
}
