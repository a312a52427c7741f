import ClusterPreflight
import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Preflight
import TestSupport
import Testing

@Suite("The check of a cluster")
struct ClusterCheckTests {
    private static let account = "system:serviceaccount:confidential-containers-system:cloud-api-adaptor"
    private static let rights: Set<AccessRules.Right> = [
        .init("patch", "nodes/status"), .init("get", "nodes"), .init("list", "nodes"), .init("watch", "nodes"),
        .init("get", "pods"), .init("get", "serviceaccounts"), .init("get", "secrets"), .init("create", "peerpods"),
        .init("patch", "peerpods"), .init("create", "events"), .init("patch", "events"), .init("get", "namespaces"),
    ]

    /// A cluster with everything that the chart and kata-deploy install.
    private func install(_ cluster: FakeKubernetes) {
        cluster.changeRules { $0.rights[Self.account] = Self.rights }
        cluster.insert(
            [
                "metadata": ["name": "kata-remote"], "handler": "kata-remote",
                "overhead": ["podFixed": ["cpu": "250m", "memory": "120Mi"]],
                "scheduling": ["nodeSelector": ["katacontainers.io/kata-runtime": "true"]],
            ], "runtimeclasses")
        node(cluster, "node-1", ["kata.peerpods.io/vm": "10"])
        cluster.insert(["metadata": ["name": "control", "labels": [:]], "status": ["allocatable": [:]]], "nodes")
        daemonSet(cluster, "cloud-api-adaptor-daemonset", "cloud-api-adaptor", ready: 3)
        daemonSet(cluster, "cloud-api-adaptor-gateway", "cloud-api-adaptor-gateway", ready: 3)
        cluster.insert(["metadata": ["name": "peerpods-own-node"], "spec": [:]], "validatingadmissionpolicies")
    }

    private func node(_ cluster: FakeKubernetes, _ name: String, _ resources: JSONValue) {
        cluster.remove("nodes", name)
        cluster.insert(
            [
                "metadata": ["name": .string(name), "labels": ["katacontainers.io/kata-runtime": "true"]],
                "status": ["allocatable": resources, "capacity": resources],
            ], "nodes")
    }

    private func daemonSet(_ cluster: FakeKubernetes, _ name: String, _ app: String, ready: Int64, desired: Int64 = 3) {
        let place = "confidential-containers-system"
        cluster.remove("daemonsets", name, in: place)
        cluster.insert(
            [
                "metadata": ["name": .string(name), "namespace": .string(place)],
                "spec": [
                    "selector": ["matchLabels": ["app": .string(app)]],
                    "template": ["spec": ["serviceAccountName": .string(app)]],
                ],
                "status": [
                    "desiredNumberScheduled": .integer(desired), "numberReady": .integer(ready),
                    "updatedNumberScheduled": .integer(desired),
                ],
            ], "daemonsets", in: place)
    }

    /// The findings on a cluster that `change` has changed.
    private func check(
        token: String = "admin", _ change: @escaping @Sendable (FakeKubernetes) -> Void = { _ in }
    ) async throws -> [Finding] {
        try await onLoop(within: .seconds(60)) { loop in
            let directory = try TemporaryDirectory()
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            install(cluster)
            change(cluster)
            let server = try FakeKubernetesServer(cluster, listen: .tcp(host: "127.0.0.1", port: 0), on: loop)
            let access = ClusterAccess(
                endpoint: "http://\(server.address)", authorityFile: nil,
                tokenFile: try directory.write(token, to: "token"))
            let sender = try HTTPClient(access.clientOptions([:]), on: loop)
            let client = KubernetesClient(access, sender: sender, clock: LoopClock(loop: loop))
            let findings = Lock<[Finding]>([])
            try await alongside([
                { do { try await server.run() } catch is CancellationError {} },
                { do { try await sender.run() } catch is CancellationError {} },
            ]) {
                let found = await ClusterCheck(.init(), client).run()
                findings.withLock { $0 = found }
            }
            return findings.withLock { $0 }
        }
    }

    private func onlyProblem(_ change: @escaping @Sendable (FakeKubernetes) -> Void) async throws -> Finding {
        let problems = try await check(change).filter { $0.verdict != .ok }
        return problems.count == 1 ? problems[0] : Finding("problems", .unknown, "\(problems)")
    }

    @Test("finds nothing wrong where the chart and kata-deploy are installed")
    func good() async throws {
        let findings = try await check()
        #expect(findings.filter { $0.verdict != .ok } == [])
        #expect(findings.contains { $0.text == "1 nodes advertise 10 pod VMs" })
        #expect(findings.contains { $0.text.contains("has all 12 rights of the adaptor") }, "\(findings)")
    }

    @Test("names a missing or different RuntimeClass")
    func runtimeClass() async throws {
        let missing = try await onlyProblem { $0.remove("runtimeclasses", "kata-remote") }
        #expect(missing.verdict == .failed && missing.text.contains("no RuntimeClass kata-remote"))
        let other = try await onlyProblem { cluster in
            cluster.remove("runtimeclasses", "kata-remote")
            cluster.insert(
                ["metadata": ["name": "kata-remote"], "handler": "kata", "overhead": ["podFixed": ["cpu": "1"]]],
                "runtimeclasses")
            // Without a selector each node counts.
            cluster.remove("nodes", "control")
        }
        #expect(other.verdict == .failed && other.text.contains("has the handler \"kata\""))
    }

    @Test("names nodes without the extended resource, and nodes that advertise none")
    func nodes() async throws {
        let some = try await onlyProblem { node($0, "node-2", [:]) }
        #expect(some.verdict == .warning && some.text.contains("1 of 2 nodes do not advertise"))
        let none = try await onlyProblem { node($0, "node-1", [:]) }
        #expect(none.verdict == .failed && none.text.hasSuffix("node-1"))
        let zero = try await onlyProblem { node($0, "node-1", ["kata.peerpods.io/vm": "0"]) }
        #expect(zero.verdict == .warning && zero.text.contains("advertise 0"))
        let unlabelled = try await onlyProblem { $0.remove("nodes", "node-1") }
        #expect(unlabelled.verdict == .failed && unlabelled.text.contains("katacontainers.io/kata-runtime=true"))
    }

    @Test("names DaemonSets that are missing, fit no node or are not ready")
    func daemonSets() async throws {
        let partly = try await onlyProblem {
            daemonSet($0, "cloud-api-adaptor-daemonset", "cloud-api-adaptor", ready: 2)
        }
        #expect(partly.verdict == .warning && partly.text.hasPrefix("2 of 3 pods"))
        let nowhere = try await onlyProblem {
            daemonSet($0, "cloud-api-adaptor-daemonset", "cloud-api-adaptor", ready: 0, desired: 0)
        }
        #expect(nowhere.verdict == .failed && nowhere.text.contains("fits no node"))
        let missing = try await onlyProblem { cluster in
            for name in ["cloud-api-adaptor-daemonset", "cloud-api-adaptor-gateway"] {
                cluster.remove("daemonsets", name, in: "confidential-containers-system")
            }
        }
        #expect(missing.verdict == .failed && missing.advice.contains("-namespace"))
    }

    @Test("names the missing policy and the missing CustomResourceDefinition")
    func extras() async throws {
        let policy = try await onlyProblem { $0.remove("validatingadmissionpolicies", "peerpods-own-node") }
        #expect(policy.verdict == .warning && policy.advice.contains("nodePolicy.enabled"))
        let older = try await onlyProblem { cluster in
            cluster.set(APIScenario(missing: ["validatingadmissionpolicies"]))
        }
        #expect(older.verdict == .warning && older.text.contains("no ValidatingAdmissionPolicy"))
        let definition = try await onlyProblem { cluster in cluster.set(APIScenario(missing: ["peerpods"])) }
        #expect(definition.verdict == .warning && definition.text.contains("CustomResourceDefinition"))
    }

    @Test("names each right that the adaptor's ServiceAccount lacks, and the feature that needs the right")
    func rights() async throws {
        let finding = try await onlyProblem { cluster in
            cluster.changeRules { _ = $0.rights[Self.account]?.remove(.init("patch", "nodes/status")) }
        }
        #expect(finding.verdict == .warning)
        #expect(finding.text.contains("may not patch nodes/status: pods start without the feature node-resource"))
        let secrets = try await onlyProblem { cluster in
            cluster.changeRules { _ = $0.rights[Self.account]?.remove(.init("get", "secrets")) }
        }
        #expect(secrets.text.contains("may not get secrets") && secrets.advice.contains("rbac.pullSecrets"))
    }

    @Test("without an answer there is one finding; without rights each check says so")
    func refused() async throws {
        let refused = try await check(token: "wrong")
        #expect(refused.count == 1 && refused[0].verdict == .failed && refused[0].text.contains("unauthorized"))
        let findings = try await check { $0.changeRules { $0.rights["admin"] = [] } }
        #expect(findings.contains { $0.verdict == .unknown && $0.advice.contains("may read") })
        #expect(!findings.contains { $0.verdict == .failed })
    }
}
