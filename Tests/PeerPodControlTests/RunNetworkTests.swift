import JSON
import KataProtocol
import LinuxIO
import NetworkRig
import PodNetwork
import TTRPC
import TestSupport
import Testing

@testable import PeerPodControl

@Suite(
    "Pods with their own networks",
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct RunNetworkTests {
    /// Runs pods that have their networks made on a machine of the test's own, and checks that nothing of them is left.
    private func run(
        _ pods: Int, on node: StandInNode, _ loop: EpollLoop, said: Lock<[String]> = Lock([]),
        meanwhile: @escaping @Sendable (RunControl) async -> Void = { _ in }
    ) async throws -> [PodOutcome] {
        let directory = try TemporaryDirectory()
        let host = try NetworkNamespace.make(named: "host")
        let place = ClusterNetwork.Place(directory: directory.path + "/run", namespaces: directory.path + "/netns")
        let cluster = ClusterNetwork(place, in: host, on: loop)
        let plan = RunPlan(
            socket: node.socket, pods: pods, concurrency: pods, name: "web", namespace: "shop", annotations: [:],
            network: .made, timeout: .seconds(60), policy: nil, readsStandardInput: false, showsOutput: false,
            command: ["true"])
        let control = RunControl()
        let runner = PodRunner(
            plan: plan, loop: loop, control: control, output: { _ in .none }, cluster: cluster,
            announce: { pod, networkInfo in said.withLock { $0.append(networkInfo.line(of: pod)) } })
        let outcomes = try await node.serve {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await meanwhile(control) }
                defer { group.cancelAll() }
                return await runner.run()
            }
        }
        try await cluster.clear()
        #expect(try Lab.socket(host).links().map(\.name) == ["lo"])
        #expect(try Files.list(place.namespaces).isEmpty)
        #expect(!Files.exists(place.directory))
        return outcomes
    }

    @Test("have their namespace before CreateVM and until StopVM has answered, and are announced with its path")
    func whole() async throws {
        try await onLoop { loop in
            let path = Lock("")
            let (said, thereAtTheEnd) = (Lock<[String]>([]), Lock(false))
            let node = try StandInNode(on: loop) {
                $0.network = { soundNetwork() }
                $0.stopVM = {
                    thereAtTheEnd.withLock { isThere in
                        isThere = (try? NetworkNamespace(opening: path.withLock { $0 })) != nil
                    }
                }
            }
            let outcomes = try await run(1, on: node, loop, said: said) { _ in
                await node.startWasCalled.wait()
                let request = try? node.request(of: Hypervisor.createVM)
                path.withLock { $0 = request?.networkNamespacePath ?? "" }
            }
            let outcome = try #require(outcomes.first)
            #expect(outcome.failures.isEmpty)
            #expect(outcome.timeline.entries.map(\.phase) == [.network, .create, .start, .agent, .run, .stop])
            #expect(thereAtTheEnd.withLock { $0 })
            let networkInfo = try #require(outcome.networkInfo)
            #expect(
                networkInfo.namespacePath == path.withLock { $0 }
                    && networkInfo.namespacePath.hasSuffix("/netns/peerpodctl-2"))
            #expect(
                said.withLock { $0 } == [
                    "pod shop/web: \(networkInfo.addresses[0]), gateway \(networkInfo.gateway ?? ""), network namespace \(networkInfo.namespacePath)"
                ])
        }
    }

    @Test("leave nothing when their start fails")
    func failed() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.startVM = { throw Status(.internal, "bad luck") } }
            let said = Lock<[String]>([])
            let outcomes = try await run(5, on: node, loop, said: said)
            #expect(outcomes.count { !$0.failures.isEmpty } == 5)
            #expect(said.withLock { $0 }.isEmpty, "a pod that did not start is not announced")
        }
    }

    @Test("leave nothing when they are interrupted")
    func interrupted() async throws {
        try await onLoop { loop in
            let node = try StandInNode(on: loop) { $0.startVM = { try await loop.sleep(for: .seconds(3600)) } }
            let outcomes = try await run(5, on: node, loop) { control in
                await node.startWasCalled.wait()
                control.interrupt(Signals.interrupt)
            }
            #expect(ExitStatus.of(outcomes) == 130)
            #expect(outcomes.allSatisfy { $0.teardownFailures.isEmpty })
        }
    }
}

@Suite("A run's report of networks")
struct RunNetworkReportTests {
    private let pod = PodIdentity(name: "web", namespace: "shop", sandbox: String(repeating: "ab", count: 32))
    private let networkInfo = PodNetworkInfo(
        namespacePath: "/run/netns/peerpodctl-2", addresses: ["198.19.12.2/22"], gateway: "198.19.12.1")

    private func report(_ finding: NetworkFinding?) -> RunReport {
        let outcome = PodOutcome(
            pod: pod.name, namespace: pod.namespace, sandbox: pod.sandbox, result: .exited(status: 0),
            networkInfo: networkInfo,
            network: finding)
        return RunReport(outcomes: [outcome], concurrency: 1, elapsed: .seconds(1))
    }

    @Test("shows both ends below the bars, in text")
    func text() {
        let lines = report(.told(NetworkReport(status: soundNetwork()))).lines(width: 80)
        #expect(lines[1...2] == ["  network", "    addresses  10.244.1.5/24"])
        #expect(lines.last == "    Both ends are as planned.")
        let failure = PodFailure(operation: "Network", message: "UNIMPLEMENTED: what?", advice: "")
        #expect(report(.untold(failure)).lines(width: 80).last == "  network: UNIMPLEMENTED: what?")
        #expect(report(nil).lines(width: 80).count == 1)
    }

    @Test("has the address and both ends in JSON, and only the address in the line before")
    func json() throws {
        let text = report(.told(NetworkReport(status: soundNetwork()))).json.encoded()
        let first = try JSONNode(JSONValue(parsing: text)).objects("pods")[0]
        #expect(try first.strings("addresses") == ["198.19.12.2/22"])
        #expect(try first.string("gateway") == "198.19.12.1")
        #expect(try first.object("network").bool("ok"))
        let line = try JSONNode(JSONValue(parsing: networkInfo.json(of: pod).encoded()))
        #expect(try line.string("pod") == "web")
        #expect(try line.strings("addresses") == ["198.19.12.2/22"])
        #expect(try line.string("networkNamespace") == "/run/netns/peerpodctl-2")
    }
}
