internal import KataProtocol
public import PeerPodProtocol
public import PodVMLifecycle
public import TTRPC
public import Telemetry

/// The services on the adaptor's socket: kata's `hypervisor.Hypervisor`, `podvminfo.PodVMInfo`, and the sandboxes and
/// their networks for operators.
///
/// It decodes a request, runs a command of ``SandboxSupervisor``, and encodes the answer. When a caller closes the
/// connection, or its time limit expires, the task of the command is cancelled.
public struct HypervisorService: Sendable {
    /// The version that kata's own adaptor returns. The shim calls Version only to check that a server answers.
    private static let version = "0.0.0"

    /// Returns the network of an existing sandbox.
    public typealias NetworkInspector = @Sendable (SandboxSummary) async -> PodNetworkStatus

    let supervisor: SandboxSupervisor
    private let inspectNetwork: NetworkInspector
    private let logger: Logger

    private init(_ supervisor: SandboxSupervisor, _ inspectNetwork: @escaping NetworkInspector, _ logger: Logger) {
        self.supervisor = supervisor
        self.inspectNetwork = inspectNetwork
        self.logger = logger
    }

    /// The services of `supervisor`, for a server. `network` returns the state of a pod's network.
    public static func services(
        of supervisor: SandboxSupervisor, logger: Logger = .silent,
        network: @escaping NetworkInspector = { _ in PodNetworkStatus() }
    ) -> [Service] {
        let service = HypervisorService(supervisor, network, logger)
        return Service.services(of: [
            Hypervisor.version.handled { _, _ in .with { $0.version = version } },
            Hypervisor.createVM.handled { call, request in
                let path = try await service.logged(call, sandbox: request.id) { () throws(Status) in
                    try await service.create(SandboxRequest(request))
                }
                return .with { $0.agentSocketPath = path }
            },
            Hypervisor.startVM.handled { call, request in
                try await service.logged(call, sandbox: request.id) { () throws(Status) in
                    try await service.start(request.id)
                }
                return Empty()
            },
            Hypervisor.stopVM.handled { call, request in
                try await service.logged(call, sandbox: request.id) { () throws(Status) in
                    try await service.stop(request.id)
                }
                return Empty()
            },
            PodVMInfo.getInfo.handled { _, request in try await service.info(request) },
            Sandboxes.list.handled { _, _ in service.list },
            Sandboxes.history.handled { _, request in service.histories(request) },
            Sandboxes.network.handled { _, request in try await service.network(of: request.id) },
            Sandboxes.machines.handled { _, _ in try await service.machines() },
            Sandboxes.orphans.handled { _, request in try await service.orphans(request) },
            Sandboxes.collect.handled { _, request in try await service.collect(request) },
        ])
    }

    private func create(_ request: SandboxRequest) async throws(Status) -> String {
        do throws(LifecycleError) { return try await supervisor.create(request) } catch { throw Status(error) }
    }

    private func start(_ id: String) async throws(Status) {
        do throws(LifecycleError) {
            try await supervisor.start(SandboxID(validating: id))
        } catch {
            throw Status(error)
        }
    }

    private func stop(_ id: String) async throws(Status) {
        do throws(LifecycleError) { try await supervisor.stop(id) } catch { throw Status(error) }
    }

    private func info(_ request: GetInfoRequest) async throws(Status) -> GetInfoResponse {
        guard !request.podName.isEmpty, !request.podNamespace.isEmpty else {
            throw Status(
                .invalidArgument, "The request lacks the pod's name or namespace: give both.")
        }
        do throws(LifecycleError) {
            let vm = try await supervisor.instanceID(
                pod: request.podName, namespace: request.podNamespace, wait: request.wait)
            return .with { $0.vmID = vm }
        } catch {
            throw Status(error)
        }
    }

    private func network(of id: String) async throws(Status) -> PodNetworkStatus {
        guard let summary = supervisor.sandboxes().first(where: { $0.id == id }) else {
            throw Status(.notFound, "This node has no sandbox with that id.")
        }
        return await inspectNetwork(summary)
    }

    private var list: SandboxList {
        .with { list in
            list.sandboxes = supervisor.sandboxes().map(SandboxStatus.init)
        }
    }

    /// Logs requests and refusals. The lifecycle logs its own actions.
    private func logged<Answer>(
        _ call: Call, sandbox: String, _ body: () async throws(Status) -> Answer
    ) async throws(Status) -> Answer {
        let log = logger.with("sandbox", sandbox)
        log.debug("\(call.method)")
        do throws(Status) {
            return try await body()
        } catch {
            log.info("\(call.method) did not succeed", [LogField("error", error.description)])
            throw error
        }
    }
}
