import AzureProvider
import Encoding
import FakeCloud
import FakeKubernetes
import JSON
import LinuxIO
import PodVMLifecycle
import TestSupport
import Testing

@Suite(
    "The controller of a cluster",
    .enabled(if: Files.isExecutable(RunningDaemon.executable), "the program is not built"))
struct ControllerStoryTests {
    @Test("a node's end deletes its VM after two sightings; VMs of living nodes and of another cluster stay")
    func nodeGone() async throws {
        try await ControllerRig.run { rig in
            rig.api.addNode("node-2")
            let lost = try await rig.createVM(pod: "lost", node: "node-2", cluster: rig.cluster)
            let live = try await rig.createVM(pod: "live", cluster: rig.cluster)
            // The other cluster has a node of the same name in the same resource group.
            let foreign = try await rig.createVM(pod: "foreign", node: "node-2", cluster: "another-cluster")
            var controller = try rig.controller()
            try await controller.readLog(until: "This replica leads")
            try await eventually(on: rig.loop, "some complete sweeps") {
                let metrics = try await controller.get("/metrics")
                return [5, 6, 7, 8, 9].contains { metrics.contains(#"sweeps_total{outcome="complete"} "# + "\($0)") }
            }
            #expect(try await rig.vms() == [lost.rawValue, live.rawValue, foreign.rawValue])
            rig.api.remove("nodes", "node-2")
            try await eventually(on: rig.loop, "the report") {
                try await controller.get("/orphans").contains(#""reason": "node-gone""#)
            }
            try await eventually(on: rig.loop, "the deletion") {
                try await rig.vms() == [live.rawValue, foreign.rawValue]
            }
            let leftovers = try await rig.provider.leftovers()
            #expect(leftovers.isEmpty)
            controller.process.signal(Signals.terminate)
            #expect(try await controller.process.wait() == .exited(0))
            #expect(rig.holder == nil, "the Lease is released")
        }
    }

    @Test("a PeerPod of the Go adaptor: its VM without tags is deleted when its pod is gone, and then it is released")
    func upstream() async throws {
        try await ControllerRig.run { rig in
            let vm = try await rig.createVM(pod: "web", cluster: nil)
            rig.api.insert(["metadata": ["name": "web"], "spec": ["nodeName": "node-1"]], "pods", in: "default")
            let uid = rig.api.objects("pods", in: "default").first?["metadata"]?["uid"]?.stringValue ?? ""
            rig.api.insert(
                [
                    "metadata": [
                        "name": "web-resource-x7k2p", "finalizers": ["peer.pod/finalizer"],
                        "ownerReferences": [
                            ["apiVersion": "v1", "kind": "Pod", "name": "web", "uid": .string(uid), "controller": true]
                        ],
                    ],
                    "spec": ["cloudProvider": "azure", "instanceID": .string(rig.provider.path(of: vm))],
                ], "peerpods", in: "default")
            var controller = try rig.controller()
            try await controller.readLog(until: "This replica leads")
            try await rig.loop.sleep(for: .seconds(1))
            #expect(try await rig.vms() == [vm.rawValue])
            rig.api.remove("pods", "web", in: "default")
            try await eventually(on: rig.loop, "the end of the PeerPod") { rig.api.objects("peerpods").isEmpty }
            #expect(try await rig.vms().isEmpty, "the VM went before the finalizer")
            controller.process.signal(Signals.terminate)
            #expect(try await controller.process.wait() == .exited(0))
        }
    }

    @Test("of two replicas one leads; when it is killed, the other one takes the Lease and acts")
    func killed() async throws {
        try await ControllerRig.run { rig in
            var (a, b) = (try rig.controller(), try rig.controller())
            try await a.readLog(until: "\"Serving\"")
            try await b.readLog(until: "\"Serving\"")
            let (first, second) = (a, b)
            try await eventually(on: rig.loop, "a leader") {
                try await first.leads() != (try await second.leads())
            }
            let isFirst = try await first.leads()
            let (leader, other) = isFirst ? (first, second) : (second, first)
            try await eventually(on: rig.loop, "the sight of the leader") {
                try await other.get("/orphans").contains("ask the leader")
            }
            leader.process.signal(Signals.kill)
            _ = try await leader.process.wait()
            let vm = try await rig.createVM(pod: "lost", node: "node-9", cluster: rig.cluster)
            try await eventually(on: rig.loop, "the new leader") { try await other.leads() }
            try await eventually(on: rig.loop, "the deletion of \(vm)") { try await rig.vms().isEmpty }
            other.process.signal(Signals.terminate)
            #expect(try await other.process.wait() == .exited(0))
        }
    }

    @Test("a leader that hangs loses the Lease, and does nothing when it continues")
    func hangs() async throws {
        try await ControllerRig.run { rig in
            var a = try rig.controller(graceTime: "600s")
            try await a.readLog(until: "This replica leads")
            var b = try rig.controller(graceTime: "600s")
            try await b.readLog(until: "\"Serving\"")
            let (old, new) = (a, b)
            let before = rig.holder
            old.process.signal(Signals.stop)
            try await eventually(on: rig.loop, "the new leader") { try await new.leads() }
            #expect(rig.holder != before && rig.holder != nil)
            old.process.signal(Signals.resume)
            try await a.readLog(until: "has lost the Lease")
            #expect(try await !a.leads())
            #expect(rig.api.objects("leases").first?["spec"]?["leaseTransitions"] == 1)
            for process in [a.process, b.process] {
                process.signal(Signals.terminate)
                #expect(try await process.wait() == .exited(0))
            }
        }
    }

    @Test("no list of the API server or of Azure that fails, and no missing right, deletes anything")
    func failures() async throws {
        try await ControllerRig.run { rig in
            let vm = try await rig.createVM(pod: "lost", node: "node-9", cluster: rig.cluster)
            rig.api.changeRules { $0.rights["controller"]?.remove(.init("list", "pods")) }
            var controller = try rig.controller()
            try await controller.readLog(until: "The sweep for orphans has no effect")
            #expect(controller.log.contains("forbidden"))
            rig.azure.direct(
                try AzureScenario(
                    parsing: Array(
                        #"{"faults":[{"at":"vm-list","code":"AuthorizationFailed","do":"refuse","status":403}]}"#.utf8))
            )
            rig.api.changeRules { $0.rights["controller"] = ControllerRig.rights }
            try await controller.readLog(until: "AuthorizationFailed")
            rig.azure.direct(try AzureScenario(parsing: Array("{}".utf8)))
            try await eventually(on: rig.loop, "the deletion of \(vm)") { try await rig.vms().isEmpty }
            controller.process.signal(Signals.terminate)
            #expect(try await controller.process.wait() == .exited(0))
        }
    }

    @Test("an API server that is away at the start is waited for, and a signal ends the wait")
    func away() async throws {
        try await ControllerRig.run { rig in
            rig.api.changeRules { $0.tokens = [:] }
            var controller = try rig.controller()
            try await controller.readLog(until: "The cluster's identity cannot be read")
            #expect(try await controller.get("/healthz").contains("200"))
            controller.process.signal(Signals.terminate)
            #expect(try await controller.process.wait() == .exited(0))
        }
    }

    @Test("both replicas serve the webhook with the certificate that the leader made, and openssl trusts its authority")
    func webhook() async throws {
        try await ControllerRig.run { rig in
            rig.api.insert(["metadata": ["name": "hook"], "type": "Opaque"], "secrets", in: "peerpods")
            let service: JSONValue = ["service": ["name": "hook", "namespace": "peerpods"]]
            rig.api.insert(
                [
                    "metadata": ["name": "hook"],
                    "webhooks": [
                        [
                            "name": "pods.peerpod.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                            "clientConfig": service,
                        ]
                    ],
                ], "mutatingwebhookconfigurations")
            let flags = [
                "-webhook", "-webhook-listen", "127.0.0.1:0", "-webhook-service", "hook", "-webhook-secret", "hook",
                "-webhook-configuration", "hook",
            ]
            var controllers = [try rig.controller(flags), try rig.controller(flags)]
            for index in controllers.indices { try await controllers[index].readLog(until: "\"Serving the webhook\"") }
            let bundle = {
                rig.api.objects("mutatingwebhookconfigurations").first?["webhooks"]?.arrayValue?.first?[
                    "clientConfig"]?[
                        "caBundle"]?.stringValue
            }
            try await eventually(on: rig.loop, "the authority") { bundle() != nil }
            let authority = try #require(bundle().flatMap { Base64.decode(Array($0.utf8)) })
            _ = try rig.directory.write(String(decoding: authority, as: UTF8.self), to: "webhook-ca.crt")
            let review = """
                {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","operation":"CREATE",
                "kind":{"group":"","version":"v1","kind":"Pod"},"object":{"metadata":{"name":"p"},"spec":{
                "runtimeClassName":"kata-remote","containers":[{"name":"c","resources":{"requests":{"cpu":"1500m"}}}]}}}}
                """
            _ = try rig.directory.write(
                "POST /mutate-v1-pod HTTP/1.1\r\nHost: hook\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(review.utf8.count)\r\nConnection: close\r\n\r\n\(review)", to: "request")
            for controller in controllers {
                let answer = try await rig.openssl(controller, name: "hook.peerpods.svc")
                #expect(answer.contains("200 OK") && answer.contains(#""uid":"u-1""#), "\(answer)")
                let patch = try #require(answer.firstMatch(of: /"patch":"([^"]+)"/)?.1)
                let operations = String(decoding: try #require(Base64.decode(Array(patch.utf8))), as: UTF8.self)
                #expect(operations.contains("io.katacontainers.config.hypervisor.default_vcpus"), "\(operations)")
                #expect(try await controller.get("/readyz").contains("200"))
                // The certificate is for the Service's name only.
                #expect(try await !rig.openssl(controller, name: "other.peerpods.svc").contains("200 OK"))
            }
            for controller in controllers {
                controller.process.signal(Signals.terminate)
                #expect(try await controller.process.wait() == .exited(0))
            }
        }
    }
}
