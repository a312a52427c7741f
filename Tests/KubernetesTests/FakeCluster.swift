import Doubles
import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport

/// A fake API server on a socket, and a client of it with the rights that a test gives.
struct FakeCluster: Sendable {
    let cluster: FakeKubernetes
    let client: KubernetesClient
    let directory: TemporaryDirectory
    let loop: EpollLoop
    let metrics: Metrics
    private let endpoint: String

    /// The adaptor's rights of docs/kubernetes.md.
    static let adaptorRights: Set<AccessRules.Right> = [
        .init("patch", "nodes/status"), .init("get", "nodes"), .init("list", "nodes"), .init("watch", "nodes"),
        .init("get", "pods"), .init("list", "pods"), .init("get", "serviceaccounts"), .init("get", "secrets"),
        .init("create", "peerpods"), .init("patch", "peerpods"), .init("create", "events"), .init("patch", "events"),
        .init("get", "namespaces"),
    ]

    static func run(
        rights: Set<AccessRules.Right> = Self.adaptorRights, limits: KubernetesClient.Limits = .init(),
        _ body: @escaping @Sendable (FakeCluster) async throws -> Void
    ) async throws {
        try await onLoop(within: .seconds(60)) { loop in
            let directory = try TemporaryDirectory()
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.changeRules {
                $0.tokens["t1"] = "adaptor"
                $0.rights["adaptor"] = rights
            }
            cluster.addNode("node-1")
            let server = try FakeKubernetesServer(cluster, listen: .tcp(host: "127.0.0.1", port: 0), on: loop)
            var options = HTTPClient.Options()
            options.environment = [:]
            let sender = try HTTPClient(options, on: loop)
            let access = ClusterAccess(
                endpoint: "http://\(server.address)", authorityFile: nil,
                tokenFile: try directory.write("t1", to: "token"))
            let metrics = Metrics()
            let client = KubernetesClient(
                access, sender: sender, clock: FastClock(loop: loop), metrics: metrics, limits: limits)
            try await alongside([
                { do { try await server.run() } catch is CancellationError {} },
                { do { try await sender.run() } catch is CancellationError {} },
            ]) {
                try await body(
                    FakeCluster(
                        cluster: cluster, client: client, directory: directory, loop: loop, metrics: metrics,
                        endpoint: access.endpoint))
            }
        }
    }

    /// Another client of the server, with the token in that file. Its sender has to run.
    func second(
        token: String, limits: KubernetesClient.Limits = .init()
    ) throws -> (client: KubernetesClient, sender: HTTPClient) {
        var options = HTTPClient.Options()
        options.environment = [:]
        let sender = try HTTPClient(options, on: loop)
        let access = ClusterAccess(endpoint: endpoint, authorityFile: nil, tokenFile: token)
        return (KubernetesClient(access, sender: sender, clock: FastClock(loop: loop), limits: limits), sender)
    }

    /// The kind of the failure of `body`.
    func kind(_ body: () async throws -> Void) async -> KubernetesError.Kind? { await KubernetesError.Kind.of(body) }
}
