import Doubles
import Encoding
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

/// A reader for the pods of node-1, with one pod, default/web.
private struct DetailsRig: Sendable {
    let fake: FakeCluster
    let features: ClusterFeatures
    let options: PodDetailsReader.Options

    static func run(
        rights: Set<AccessRules.Right> = FakeCluster.adaptorRights,
        _ change: (inout PodDetailsReader.Options) -> Void = { _ in },
        _ body: @escaping @Sendable (DetailsRig) async throws -> Void
    ) async throws {
        var options = PodDetailsReader.Options()
        change(&options)
        try await FakeCluster.run(rights: rights) { [options] fake in
            let features = ClusterFeatures(metrics: fake.metrics)
            try await body(DetailsRig(fake: fake, features: features, options: options))
        }
    }

    /// Adds the pod; `extra` are members of its spec, and `annotations` those of its metadata.
    func addPod(_ extra: [(String, JSONValue)] = [], annotations: [String: String] = [:], image: String = "r.io/app:1")
    {
        let containers: JSONValue = [
            ["image": .string(image), "resources": ["limits": ["cpu": "3", "memory": "5Gi"]]]
        ]
        var spec = JSONObject()
        spec["nodeName"] = "node-1"
        spec["runtimeClassName"] = "kata-remote"
        spec["containers"] = containers
        for (name, value) in extra { spec[name] = value }
        let pairs = annotations.map { ($0.key, JSONValue.string($0.value)) }
        fake.cluster.insert(
            ["metadata": ["name": "web", "annotations": .object(JSONObject(pairs))], "spec": .object(spec)], "pods",
            in: "default")
    }

    func addSecret(_ name: String, _ text: String) {
        fake.cluster.insert(
            [
                "metadata": ["name": .string(name)], "type": "kubernetes.io/dockerconfigjson",
                "data": [".dockerconfigjson": .string(Base64.encode(Array(text.utf8)))],
            ], "secrets", in: "default")
    }

    func details() async throws -> PodDetails {
        let reader = PodDetailsReader(
            fake.client, PodIdentities(fake.client), node: "node-1", options: options, features: features,
            clock: FastClock(loop: fake.loop))
        return try await reader.details(
            of: ObservedPod(
                name: "web", namespace: "default", sandbox: try SandboxID(validating: "0123456789abcdef0123"),
                vm: InstanceID(rawValue: "podvm-web"), vmPath: "podvm-web"))
    }

    func refusal() async -> LifecycleError? {
        do {
            _ = try await details()
            return nil
        } catch {
            return error as? LifecycleError
        }
    }
}

@Suite("A pod's details at the API server")
struct PodDetailsReaderTests {
    private static let config = #"{"auths": {"r.io": {"username": "u", "password": "p"}, "q.io": {"auth": "YTpi"}}}"#

    @Test(
        "are its resources, its annotations, and the credentials of its images from its own and its account's secrets")
    func whole() async throws {
        try await DetailsRig.run { rig in
            rig.addPod(
                [("imagePullSecrets", [["name": "own"]])],
                annotations: [
                    "io.katacontainers.config.hypervisor.default_vcpus": "1", "peerpod.dev/tee": " TDX",
                ])
            rig.addSecret("own", Self.config)
            rig.addSecret("account", #"{"auths": {"r.io": {"username": "weaker", "password": "p"}}}"#)
            rig.fake.cluster.insert(
                ["metadata": ["name": "default"], "imagePullSecrets": [["name": "account"]]], "serviceaccounts",
                in: "default")
            let details = try await rig.details()
            #expect(details.resources == PodResources(vcpus: 3, memoryMiB: 5120))
            #expect(details.annotated == [.vcpus])
            #expect(details.tees == [.tdx])
            #expect(details.remarks.isEmpty)
            let file = details.registryCredentials?.reveal() ?? []
            #expect(String(decoding: file, as: UTF8.self) == #"{"auths":{"r.io":{"auth":"dTpw"}}}"#)
            #expect(rig.features.missing.isEmpty)
        }
    }

    @Test("a RuntimeClass narrows the annotation, and a contradiction or an unknown word is refused")
    func tees() async throws {
        try await DetailsRig.run({ $0.runtimeClasses = ["kata-remote": [.snp]] }) { rig in
            rig.addPod()
            let details = try await rig.details()
            #expect(details.tees == [.snp])
        }
        try await DetailsRig.run({ $0.runtimeClasses = ["kata-remote": [.snp]] }) { rig in
            rig.addPod(annotations: ["peerpod.dev/tee": "snp,tdx"])
            let details = try await rig.details()
            #expect(details.tees == [.snp])
        }
        try await DetailsRig.run({ $0.runtimeClasses = ["kata-remote": [.snp]] }) { rig in
            rig.addPod(annotations: ["peerpod.dev/tee": "tdx"])
            let refusal = await rig.refusal()
            #expect(refusal?.code == .invalidArgument)
            #expect(refusal?.message.contains("the RuntimeClass kata-remote permits only snp") == true)
        }
        for text in ["sgx", "", "none", "tdx,,snp", String(repeating: "tdx,", count: 10_000)] {
            try await DetailsRig.run { rig in
                rig.addPod(annotations: ["peerpod.dev/tee": text])
                let refusal = await rig.refusal()
                #expect(refusal?.message.contains("write tdx, snp or tdx,snp") == true, "\(text.prefix(20))")
                #expect((refusal?.message.utf8.count ?? 0) < 300)
            }
        }
    }

    @Test("that cannot be read are no obstacle: without the right, without the pod, or with a pod of another node")
    func missing() async throws {
        try await DetailsRig.run(rights: []) { rig in
            rig.addPod(annotations: ["peerpod.dev/tee": "sgx"])
            let details = try await rig.details()
            #expect(details.tees == nil && details.resources == PodResources())
            #expect(details.remarks.first?.contains("have no effect on its VM") == true)
            #expect(rig.features.missing.contains { $0.hasPrefix("pod-details: ") && $0.contains("pods: get") })
        }
        try await DetailsRig.run { rig in
            let details = try await rig.details()
            #expect(details.remarks.count == 1)
            #expect(rig.features.missing.isEmpty, "a pod that is gone is no missing right")
        }
        try await DetailsRig.run { rig in
            rig.addPod([("nodeName", "node-2")])
            let details = try await rig.details()
            #expect(details.remarks.first?.contains("on another node, node-2") == true)
        }
        try await DetailsRig.run { rig in
            rig.addPod([("containers", [["resources": ["limits": ["cpu": "-5"]]]])])
            let details = try await rig.details()
            #expect(details.remarks.first?.contains("spec.containers[0]") == true)
        }
    }

    @Test(
        "delay a pod by seconds at most when the API server throttles or does not answer",
        arguments: [APIFault.throttled(retryAfter: 20), APIFault(.hang)])
    func slow(fault: APIFault) async throws {
        try await DetailsRig.run { rig in
            rig.addPod()
            rig.fake.cluster.set(APIScenario([fault]))
            let begun = ContinuousClock.now
            let details = try await rig.details()
            #expect(details.remarks.count == 1)
            #expect(begun.duration(to: .now) < .seconds(4))
        }
    }

    @Test("delay a pod by seconds at most when its pull secrets get no answer; the pod starts without them")
    func slowSecrets() async throws {
        try await DetailsRig.run { rig in
            rig.addPod([("imagePullSecrets", [["name": "one"], ["name": "two"]])])
            rig.fake.cluster.set(APIScenario([APIFault(.hang, at: "get", "secrets")]))
            let begun = ContinuousClock.now
            let details = try await rig.details()
            #expect(details.registryCredentials == nil && details.remarks.count == 2, "\(details.remarks)")
            #expect(details.resources.vcpus == 3)
            #expect(begun.duration(to: .now) < .seconds(6))
        }
    }

    @Test("are required only if the operator says so")
    func required() async throws {
        try await DetailsRig.run(rights: [], { $0.use = .require }) { rig in
            rig.addPod()
            let refusal = await rig.refusal()
            #expect(refusal?.code == .unavailable && refusal?.message.contains("-pod-details is require") == true)
        }
    }

    @Test("that are switched off are not read")
    func off() async throws {
        try await DetailsRig.run({
            $0.use = .off
            $0.readsPullSecrets = false
        }) { rig in
            rig.addPod(annotations: ["peerpod.dev/tee": "sgx"])
            let details = try await rig.details()
            #expect(details.resources == PodResources())
            #expect(!rig.fake.metrics.render().contains(#"verb="get""#))
        }
        try await DetailsRig.run({ $0.readsPullSecrets = false }) { rig in
            rig.addPod([("imagePullSecrets", [["name": "own"]])])
            rig.addSecret("own", Self.config)
            let details = try await rig.details()
            #expect(details.registryCredentials == nil && details.resources.vcpus == 3)
        }
    }

    @Test("skip a pull secret that is malformed, missing or forbidden, say so, and use the others")
    func badSecrets() async throws {
        try await DetailsRig.run { rig in
            rig.addPod([("imagePullSecrets", [["name": "bad"], ["name": "gone"], ["name": "own"]])])
            rig.addSecret("bad", "hunter2")
            rig.addSecret("own", Self.config)
            let details = try await rig.details()
            #expect(details.registryCredentials != nil)
            #expect(details.remarks.count == 2)
            #expect(details.remarks[0].contains("default/bad is skipped: it is not a docker configuration"))
            #expect(details.remarks[1].contains("default/gone cannot be read"))
            #expect(!"\(details)".contains("hunter2"))
        }
        try await DetailsRig.run(rights: [.init("get", "pods")]) { rig in
            rig.addPod([("imagePullSecrets", [["name": "own"]])])
            rig.addSecret("own", Self.config)
            let details = try await rig.details()
            #expect(details.registryCredentials == nil && details.resources.vcpus == 3)
            #expect(details.remarks.count == 1)
            #expect(rig.features.missing.contains { $0.hasPrefix("pull-secrets: ") })
        }
    }

    @Test("are refused when the credentials are too large")
    func tooLarge() async throws {
        try await DetailsRig.run { rig in
            rig.addPod(
                [
                    (
                        "containers",
                        .array((0..<4).map { ["image": .string("r\($0).io/x")] })
                    ), ("imagePullSecrets", [["name": "big"]]),
                ])
            let password = String(repeating: "x", count: 3500)
            let entries = (0..<4).map { #""r\#($0).io": {"username": "u", "password": "\#(password)"}"# }
            rig.addSecret("big", "{\"auths\": {\(entries.joined(separator: ","))}}")
            let refusal = await rig.refusal()
            #expect(refusal?.code == .invalidArgument)
            #expect(refusal?.message.contains("Secret big") == true)
        }
    }

    @Test("name at most 32 secrets, so that a pod cannot make the adaptor read without end")
    func manySecrets() async throws {
        try await DetailsRig.run { rig in
            rig.addPod([("imagePullSecrets", .array((0..<500).map { ["name": .string("s\($0)")] }))])
            let details = try await rig.details()
            #expect(details.remarks.first?.contains("500 image pull secrets") == true)
            #expect(details.remarks.count == 33)
        }
    }
}
