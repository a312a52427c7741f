import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import TLS
import Telemetry
import TestSupport
import Testing

/// Debian's python3-kubernetes: Kubernetes's own client for Python.
private enum PythonClient {
    static let need: Comment = "needs Debian's python3-kubernetes (scripts/setup test)"
    static let isInstalled = Files.exists("/usr/lib/python3/dist-packages/kubernetes/client/__init__.py")

    private static let tests = Files.parent(of: Files.parent(of: #filePath))

    /// Runs the script; returns the steps that it has done.
    static func run(_ kubeconfig: String, on loop: EpollLoop) async throws -> [String] {
        var options = ChildProcess.Options(
            executable: "/usr/bin/python3", arguments: ["\(tests)/Peers/kubernetes/client.py", kubeconfig])
        options.environment = ["NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"]
        let run = try await ProgramRun.of(options, on: loop)
        #expect(run.status == .exited(0), "\(run.errorText.suffix(4000))")
        return String(decoding: run.output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

@Suite("Kubernetes's own client for Python", .enabled(if: PythonClient.isInstalled, PythonClient.need))
struct PythonClientTests {
    @Test("gets from the fake API server what a real one gives, and sees what the adaptor writes")
    func whole() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: .seconds(120)) { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.addNode("node-1")
            cluster.insert(["metadata": ["name": "web"], "spec": ["containers": []]], "pods", in: "default")
            let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
            let server = try FakeKubernetesServer(
                cluster, listen: .tcp(host: "127.0.0.1", port: 0),
                tls: .init(certificate: identity.server.certificate, key: identity.server.key), on: loop)
            guard case .tcp(_, let port) = server.address else { return }
            let authority = try directory.write(identity.authority, to: "ca.crt")
            let kubeconfig = try directory.write(
                """
                {"apiVersion": "v1", "kind": "Config", "current-context": "fake",
                 "clusters": [{"name": "fake", "cluster": {"server": "https://localhost:\(port)",
                  "certificate-authority": "\(authority)"}}],
                 "users": [{"name": "admin", "user": {"token": "admin"}}],
                 "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "admin"}}]}
                """, to: "kubeconfig")
            let access = ClusterAccess(
                endpoint: "https://localhost:\(port)", authorityFile: authority,
                tokenFile: try directory.write("admin", to: "token"))
            try await alongside({ do { try await server.run() } catch is CancellationError {} }) {
                try await write(as: access, to: cluster, on: loop)
                #expect(
                    try await PythonClient.run(kubeconfig, on: loop) == [
                        "version", "what the adaptor has written", "list in pages", "patch", "replace and conflict",
                        "delete with preconditions", "finalizer and garbage collection", "leases",
                        "secrets and ConfigMaps", "webhook configurations", "events", "watch", "bookmark",
                        "410 of a watch", "faults and users of the control endpoint",
                    ])
            }
        }
    }

    /// Writes a node's resource, an event and a PeerPod, as the adaptor does.
    private func write(as access: ClusterAccess, to cluster: FakeKubernetes, on loop: EpollLoop) async throws {
        var options = HTTPClient.Options()
        options.environment = [:]
        options.authorityFile = access.authorityFile
        let sender = try HTTPClient(options, on: loop)
        let clock = LoopClock(loop: loop)
        let client = KubernetesClient(access, sender: sender, clock: clock)
        let features = ClusterFeatures()
        let identities = PodIdentities(client)
        let advertiser = NodeAdvertiser(
            client, node: "node-1", owner: "u1", limit: 7, features: features, clock: clock)
        let observer = ClusterObserver(
            events: EventReporter(client, identities, node: "node-1", features: features, clock: clock),
            peerPods: PeerPodKeeper(client, identities, cloudProvider: "azure", features: features, clock: clock))
        let pod = ObservedPod(
            name: "web", namespace: "default", sandbox: try SandboxID(validating: "0123456789abcdef0123"),
            vm: InstanceID(rawValue: "podvm-web-01234567"), vmPath: "/subscriptions/s/virtualMachines/podvm-web")
        try await alongside([
            { do { try await sender.run() } catch is CancellationError {} },
            { await advertiser.run() }, { await observer.run() },
        ]) {
            await observer.willCreateInstance(of: pod)
            observer.observe(.deleted, of: pod)
            try await eventually(on: loop, "the node's resource, the event and the PeerPod") {
                cluster.objects("events").count == 1 && cluster.objects("peerpods").count == 1
                    && cluster.objects("nodes").first?["status"]?["capacity"]?["kata.peerpods.io/vm"] == "7"
            }
        }
    }
}
