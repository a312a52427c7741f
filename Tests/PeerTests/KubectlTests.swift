import FakeKubernetes
import HTTPTransport
import JSON
import LinuxIO
import TLS
import TestSupport
import Testing

/// The real kubectl, which `scripts/setup` gets.
private struct Kubectl: Sendable {
    static let need: Comment = "needs kubectl, which scripts/setup test gets from PyPI"

    private static let tests = Files.parent(of: Files.parent(of: #filePath))
    private static let program = Files.parent(of: tests) + "/.build/peers/kubernetes/kubectl"

    static let isAvailable = Files.isExecutable(program)

    let directory: String
    let loop: EpollLoop

    /// What kubectl prints; a status other than 0 is an error unless `fails`.
    @discardableResult
    func callAsFunction(_ arguments: String..., fails: Bool = false) async throws -> String {
        var options = ChildProcess.Options(
            executable: Self.program, arguments: ["--kubeconfig", directory + "/kubeconfig"] + arguments)
        options.environment = ["HOME": directory, "NO_PROXY": "*"]
        let run = try await ProgramRun.of(options, on: loop)
        let text = String(decoding: run.output, as: UTF8.self)
        #expect((run.status == .exited(0)) != fails, "kubectl \(arguments): \(text)\(run.errorText)")
        return fails ? run.errorText : text
    }
}

@Suite("kubectl with the fake API server", .enabled(if: Kubectl.isAvailable, Kubectl.need))
struct KubectlTests {
    private static let pod = """
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1", "namespace": "default", "labels": {"app": "x"}},
         "spec": {"runtimeClassName": "kata-remote", "nodeName": "node-1", "containers": [{"name": "c", "image": "nginx:1"}]}}
        """

    private func withKubectl(_ body: @escaping @Sendable (Kubectl, FakeKubernetes) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(120)) { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.addNode("node-1")
            // kubectl sends no token to a server without TLS.
            let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
            let server = try FakeKubernetesServer(
                cluster, listen: .tcp(host: "127.0.0.1", port: 0),
                tls: .init(certificate: identity.server.certificate, key: identity.server.key), on: loop)
            let authority = try directory.write(identity.authority, to: "ca.crt")
            let configuration = """
                {"apiVersion": "v1", "kind": "Config", "current-context": "fake",
                 "clusters": [{"name": "fake", "cluster": {"server": "https://\(server.address)",
                  "certificate-authority": "\(authority)", "tls-server-name": "localhost"}}],
                 "users": [{"name": "admin", "user": {"token": "admin"}}],
                 "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "admin"}}]}
                """
            _ = try directory.write(configuration, to: "kubeconfig")
            try await alongside({ do { try await server.run() } catch is CancellationError {} }) {
                try await body(Kubectl(directory: directory.path, loop: loop), cluster)
            }
        }
    }

    @Test("creates, applies, reads, describes, labels and deletes a pod")
    func pod() async throws {
        try await withKubectl { kubectl, cluster in
            let file = kubectl.directory + "/pod.json"
            try DurableFile.write(Array(Self.pod.utf8), to: file)
            try await kubectl("create", "-f", file)
            let again = try await kubectl("create", "-f", file, fails: true)
            #expect(again.contains("AlreadyExists"))
            let other = Self.pod.split(separator: "nginx:1").joined(separator: "nginx:2")
            try DurableFile.write(Array(other.utf8), to: file)
            try await kubectl("apply", "-f", file)
            #expect(try await kubectl("get", "pod", "p1", "-o", "jsonpath={.spec.containers[0].image}") == "nginx:2")
            try await kubectl("label", "pod", "p1", "y=z")
            #expect(try await kubectl("get", "pods", "-l", "y=z", "-o", "name") == "pod/p1\n")
            #expect(try await kubectl("describe", "pod", "p1").contains("kata-remote"))
            try await kubectl("delete", "pod", "p1", "--timeout=20s")
            #expect(cluster.objects("pods").isEmpty)
        }
    }

    @Test("shows the extended resource, and patches the node's status three ways")
    func node() async throws {
        try await withKubectl { kubectl, _ in
            try await kubectl(
                "patch", "node", "node-1", "--subresource=status", "--type=merge", "-p",
                #"{"status":{"capacity":{"kata.peerpods.io/vm":"10"}}}"#)
            #expect(try await kubectl("describe", "node", "node-1").contains("kata.peerpods.io/vm:  10"))
            try await kubectl(
                "patch", "node", "node-1", "--type=strategic", "-p", #"{"metadata":{"annotations":{"a":"b"}}}"#)
            let removal = #"[{"op":"remove","path":"/status/capacity/kata.peerpods.io~1vm"}]"#
            try await kubectl("patch", "node", "node-1", "--subresource=status", "--type=json", "-p", removal)
            try await kubectl(
                "patch", "node", "node-1", "--subresource=status", "--type=json", "-p", removal, fails: true)
        }
    }

    @Test("prints tables as from a real server, and sets faults with the control endpoint")
    func tables() async throws {
        try await withKubectl { kubectl, cluster in
            let pod: JSONValue = ["metadata": ["name": "p1"], "spec": ["containers": [["name": "c"]]]]
            cluster.insert(pod, "pods", in: "default")
            func words(_ text: String) -> [[Substring]] { text.split(separator: "\n").map { $0.split(separator: " ") } }
            let pods = words(try await kubectl("get", "pods"))
            #expect(pods.first == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"])
            #expect(pods.last?.prefix(2) == ["p1", "0/1"])
            let nodes = words(try await kubectl("get", "nodes", "node-1"))
            #expect(nodes.last?.prefix(2) == ["node-1", "Ready"])
            #expect(try await kubectl("get", "pods", "-o", "name") == "pod/p1\n")

            let file = kubectl.directory + "/scenario.json"
            let scenario =
                #"{"faults": [{"verb": "list", "status": 403, "reason": "Forbidden", "message": "not now"}]}"#
            try DurableFile.write(Array(scenario.utf8), to: file)
            try await kubectl("replace", "--raw", "/control/scenario", "-f", file)
            #expect(try await kubectl("get", "pods", fails: true).contains("(Forbidden): not now"))
            try await kubectl("delete", "--raw", "/control/scenario")
            try await kubectl("get", "pods")
            #expect(try await kubectl("get", "--raw", "/control/requests").contains("admin list /api/v1/namespaces"))
        }
    }

    @Test("watches changes until a deletion, and lists PeerPods by their kind")
    func watch() async throws {
        try await withKubectl { kubectl, cluster in
            let pod: JSONValue = ["metadata": ["name": "p1"], "spec": ["containers": []]]
            cluster.insert(pod, "pods", in: "default")
            try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await kubectl("wait", "--for=delete", "pod/p1", "--timeout=30s") }
                try await eventually(on: kubectl.loop, "the watch") {
                    cluster.requests.contains { $0.contains("watch /api/v1/namespaces/default/pods") }
                }
                cluster.remove("pods", "p1", in: "default")
                #expect(try await group.next()?.contains("condition met") == true)
            }
            let peerPod: JSONValue = ["metadata": ["name": "q"], "spec": ["instanceID": "/subscriptions/s"]]
            cluster.insert(peerPod, "peerpods", in: "default")
            let id = try await kubectl("get", "peerpods", "q", "-o", "jsonpath={.spec.instanceID}")
            #expect(id == "/subscriptions/s")
        }
    }
}
