import Encoding
import FakeKubernetes
import HTTPTransport
import ImageRig
import JSON
import KataProtocol
import LinuxIO
import NetworkRig
import PeerPodProtocol
import ShimRig
import TLS
import TTRPC
import TestSupport
import Testing

@Suite("An adaptor in a cluster", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct ClusterStoryTests {
    /// A fake API server with TLS, and the environment of an adaptor's pod.
    private struct Cluster: Sendable {
        let api: FakeKubernetes
        let environment: [String: String]
    }

    private func withCluster(
        in directory: TemporaryDirectory, on loop: EpollLoop, rights: Set<AccessRules.Right> = [.init("*", "*")],
        _ body: @Sendable (Cluster) async throws -> Void
    ) async throws {
        let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
        _ = try directory.write(identity.authority, to: "ca.crt")
        _ = try directory.write("t1", to: "token")
        let api = FakeKubernetes(adminToken: "admin", on: loop)
        api.changeRules {
            $0.tokens["t1"] = "adaptor"
            $0.rights["adaptor"] = rights
        }
        api.addNode("node-1")
        api.insert(["metadata": ["name": "web"], "spec": ["containers": []]], "pods", in: "default")
        let server = try FakeKubernetesServer(
            api, listen: .tcp(host: "127.0.0.1", port: 0),
            tls: .init(certificate: identity.server.certificate, key: identity.server.key), on: loop)
        guard case .tcp(_, let port) = server.address else { return }
        let environment = [
            "FAKE_CLOUD": "true", "KUBERNETES_SERVICE_HOST": "localhost", "KUBERNETES_SERVICE_PORT": "\(port)",
            "SERVICE_ACCOUNT_DIR": directory.path, "NODE_NAME": "node-1", "POD_UID": "u1", "CLUSTER_ID": "",
            "PEERPODS_LIMIT_PER_NODE": "7",
        ]
        try await alongside({ do { try await server.run() } catch is CancellationError {} }) {
            try await body(Cluster(api: api, environment: environment))
        }
    }

    private static let pod = CreateVMRequest.with {
        $0.id = "0123456789abcdef"
        $0.annotations = [
            "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
        ]
    }

    @Test("advertises the node, shows a pod's life, and withdraws the resource at its end")
    func whole() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            try await withCluster(in: directory, on: loop) { cluster in
                let capacity = { @Sendable in
                    cluster.api.objects("nodes").first?["status"]?["capacity"]?["kata.peerpods.io/vm"]
                }
                let uid = cluster.api.objects("namespaces").first { $0["metadata"]?["name"] == "kube-system" }?[
                    "metadata"]
                var daemon = try RunningDaemon(
                    in: directory.path, on: loop, boots: true,
                    arguments: ["-drain", "60s", "-forwarder-port", "15172"],
                    environment: cluster.environment)
                try await daemon.readLog(until: "\"Serving\",\"socket\"")
                #expect(daemon.log.contains(uid?["uid"]?.stringValue ?? "?"), "\(daemon.log)")
                try await eventually(on: loop, "the capacity") { capacity() == "7" }
                _ = try await daemon.notification()
                _ = try await daemon.call(Hypervisor.createVM, Self.pod)
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
                let peerPod = try #require(cluster.api.objects("peerpods").first)
                let id = peerPod["spec"]?["instanceID"]?.stringValue ?? ""
                #expect(id.hasPrefix("/subscriptions/") && id.contains("/virtualMachines/podvm-web-"))
                _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
                try await eventually(on: loop, "the events of a pod's life") {
                    let reasons = cluster.api.objects("events").compactMap { $0["reason"]?.stringValue }
                    return Set(reasons) == ["PodVMRequested", "PodVMAddress", "PodVMReady", "PodVMDeleted"]
                }
                try await eventually(on: loop, "the release of the PeerPod") {
                    cluster.api.objects("peerpods").allSatisfy { $0["metadata"]?["finalizers"] == nil }
                }
                #expect(try await daemon.get("/startup").hasSuffix("ok\n"))
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
                #expect(capacity() == nil)
            }
        }
    }

    @Test("the node stays advertised in a roll-out; a standby that is killed or stopped gives the node back")
    func standby() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            try await withCluster(in: directory, on: loop) { cluster in
                func adaptor(_ uid: String, until text: String) async throws -> RunningDaemon {
                    var daemon = try RunningDaemon(
                        in: directory.path, on: loop, manager: uid,
                        environment: cluster.environment.merging(["POD_UID": uid]) { $1 })
                    try await daemon.readLog(until: text)
                    try await isOwned(by: uid)
                    return daemon
                }
                func isOwned(by uid: String) async throws {
                    try await eventually(on: loop, "the owner \(uid)") {
                        let node = cluster.api.objects("nodes").first
                        return node?["metadata"]?["annotations"]?["kata.peerpods.io/caa-owner"] == .string(uid)
                            && node?["status"]?["capacity"]?["kata.peerpods.io/vm"] == "7"
                    }
                }
                var first = try await adaptor("first", until: "\"Serving\",\"socket\"")
                for signal in [Signals.kill, Signals.terminate] {
                    let standby = try await adaptor("standby-\(signal)", until: "\"Standby: another")
                    try await first.readLog(until: "\"owner\":\"standby-\(signal)\"")
                    standby.process.signal(signal)
                    _ = try await standby.process.wait()
                    try await isOwned(by: "first")
                }
                var last = try await adaptor("last", until: "\"Standby: another")
                first.process.signal(Signals.terminate)
                #expect(try await first.process.wait() == .exited(0))
                try await last.readLog(until: "\"Serving\",\"socket\"")
                try await isOwned(by: "last")
                last.process.signal(Signals.terminate)
                #expect(try await last.process.wait() == .exited(0))
                let capacity = cluster.api.objects("nodes").first?["status"]?["capacity"]
                #expect(capacity?["kata.peerpods.io/vm"] == nil)
            }
        }
    }

    /// The shim's CreateVM for a pod of that name.
    private static func create(_ name: String, _ id: String) -> CreateVMRequest {
        .with {
            $0.id = id
            $0.annotations = [
                "io.kubernetes.cri.sandbox-name": name, "io.kubernetes.cri.sandbox-namespace": "default",
                // What kata's Rust shim sends for every pod.
                Annotation.vcpus: "1", Annotation.memory: "2048",
            ]
        }
    }

    private func add(_ name: String, _ annotations: JSONValue, to cluster: Cluster) {
        let containers: JSONValue = [
            ["image": "r.io/app:1", "resources": ["limits": ["cpu": "3", "memory": "5Gi"]]]
        ]
        cluster.api.insert(
            [
                "metadata": ["name": .string(name), "annotations": annotations],
                "spec": [
                    "nodeName": "node-1", "containers": containers, "imagePullSecrets": [["name": "registry"]],
                ],
            ], "pods", in: "default")
    }

    @Test("a pod's spec, required TEE and pull secrets decide about its VM, and the adaptor can say so")
    func details() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            try await withCluster(in: directory, on: loop) { cluster in
                add("large", ["peerpod.dev/tee": "tdx"], to: cluster)
                add("other", ["peerpod.dev/tee": "snp"], to: cluster)
                let config = #"{"auths":{"r.io":{"username":"u","password":"p"},"q.io":{"auth":"YTpi"}}}"#
                cluster.api.insert(
                    [
                        "metadata": ["name": "registry"],
                        "data": [".dockerconfigjson": .string(Base64.encode(Array(config.utf8)))],
                    ], "secrets", in: "default")
                var daemon = try RunningDaemon(
                    in: directory.path, on: loop, boots: true,
                    arguments: ["-drain", "60s", "-forwarder-port", "15174"],
                    environment: cluster.environment.merging(
                        ["AZURE_INSTANCE_SIZES": "auto", "ACCEPTED_TEES": "tdx"]) { $1 })
                try await daemon.readLog(until: "\"Serving\",\"socket\"")
                _ = try await daemon.notification()
                let (large, other) = ("aaaa456789abcdef", "bbbb456789abcdef")
                _ = try await daemon.call(Hypervisor.createVM, Self.create("large", large))
                let document = try DurableFile.read("\(directory.path)/pods/\(large)/user-data", limit: 1 << 20)
                let text = String(decoding: try #require(Base64.decode(document)), as: UTF8.self)
                #expect(text.contains("/run/peerpod/auth.json"))
                #expect(text.contains(#"{"auths":{"r.io":{"auth":"dTpw"}}}"#) && !text.contains("q.io"))
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = large })
                let history = try await daemon.call(Sandboxes.history, .with { $0.name = "default/large" }).sandboxes
                #expect(
                    history.first?.sizeReason == "the pod's spec needs 3 vCPUs, 5120 MiB; the pod accepts tdx")
                #expect(history.first?.steps.last?.step == "running")
                let status = try #require(try await daemon.call(Sandboxes.list, Empty()).sandboxes.first)
                #expect(status.tee == "tdx" && status.size.hasPrefix("Standard_"), "\(status)")
                var refusal = ""
                do {
                    _ = try await daemon.call(Hypervisor.createVM, Self.create("other", other))
                } catch let status as Status {
                    refusal = status.message
                }
                #expect(refusal.contains("requires a VM with snp, and this node accepts only tdx"), "\(refusal)")
                try await eventually(on: loop, "the events with size and refusal") {
                    let notes = cluster.api.objects("events").compactMap { $0["note"]?.stringValue }
                    return notes.contains { $0.contains(status.size) && $0.contains("3 vCPUs") }
                        && notes.contains { $0.contains("this node accepts only tdx") }
                }
                for id in [large, other] { _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = id }) }
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
                try await daemon.readLog()
                #expect(!daemon.log.contains("dTpw"))
            }
        }
    }

    /// What the only container of a pod writes, with kata's calls over the pod's agent socket.
    private func output(
        of script: String, in container: ShimContainer, at socket: String, on loop: EpollLoop
    ) async throws -> String {
        let stream = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop)
        return try await Client.with(stream, on: loop) { client in
            _ = try await client.call(
                AgentService.createSandbox,
                .with { ($0.sandboxID, $0.storages) = (container.sandbox, ShimContainer.sandboxStorages) })
            _ = try await client.call(
                AgentService.createContainer, container.request(running: ["sh", "-c", script]))
            return try await client.output(ofContainer: container.id)
        }
    }

    @Test(
        "a pod's image is pulled in its VM with the pod's pull secret, and its container runs in the image's files",
        .enabled(if: ImageRegistry.isInstalled, Comment(rawValue: ImageRegistry.need)),
        .enabled(if: canMakeNamespaces, "needs SYS_ADMIN, to make mount namespaces"))
    func image() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            try await ImageRegistry.run(hasUsers: true, in: directory.path + "/registry", on: loop) { registry in
                try await registry.push("private/web:1")
                let image = "\(registry.address)/private/web:1"
                try await withCluster(in: directory, on: loop) { cluster in
                    let config = registry.authorization(ImageRegistry.user, ImageRegistry.password)
                    let secret: JSONValue = .string(Base64.encode(Array(config.utf8)))
                    cluster.api.insert(
                        ["metadata": ["name": "registry"], "data": [".dockerconfigjson": secret]], "secrets",
                        in: "default")
                    let spec: JSONValue = [
                        "nodeName": "node-1", "containers": [["image": .string(image)]],
                        "imagePullSecrets": [["name": "registry"]],
                    ]
                    cluster.api.insert(["metadata": ["name": "private"], "spec": spec], "pods", in: "default")
                    var daemon = try RunningDaemon(
                        in: directory.path, on: loop, boots: true,
                        arguments: ["-drain", "60s", "-forwarder-port", "15175", "-fake-agent-flags", "-images=pull"],
                        environment: cluster.environment)
                    try await daemon.readLog(until: "\"Serving\",\"socket\"")
                    _ = try await daemon.notification()
                    let id = "cccc456789abcdef"
                    let socket = try await daemon.call(Hypervisor.createVM, Self.create("private", id)).agentSocketPath
                    _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = id })
                    var container = ShimContainer("web", of: id)
                    container.image = image
                    let script = "cat /etc/motd; test -e /usr || echo own files"
                    let seen = try await output(of: script, in: container, at: socket, on: loop)
                    #expect(seen == "in the image\nown files\n")
                    _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = id })
                    daemon.process.signal(Signals.terminate)
                    #expect(try await daemon.process.wait() == .exited(0))
                }
            }
        }
    }

    @Test("without any right pods start, and /startup says what is missing")
    func withoutRights() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(200)) { loop in
            try await withCluster(in: directory, on: loop, rights: []) { cluster in
                var daemon = try RunningDaemon(
                    in: directory.path, on: loop, boots: true,
                    arguments: ["-drain", "60s", "-forwarder-port", "15173"],
                    environment: cluster.environment.merging(["CLUSTER_ID": "test"]) { $1 })
                try await daemon.readLog(until: "\"Serving\",\"socket\"")
                _ = try await daemon.notification()
                _ = try await daemon.call(Hypervisor.createVM, Self.pod)
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
                let answer = try await daemon.get("/startup")
                #expect(answer.contains(" 200 "))
                #expect(answer.contains("missing: node-resource"), "\(answer)")
                #expect(answer.contains("missing: peerpods"), "\(answer)")
                _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
            }
        }
    }
}
