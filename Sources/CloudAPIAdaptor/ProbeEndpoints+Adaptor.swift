internal import HTTPTransport
internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle
internal import Probes
internal import Telemetry

extension ProbeEndpoints {
    /// The probes of an adaptor that serves the shims.
    static func serving(
        hypervisorSocket: String, supervisor: SandboxSupervisor, metrics: Metrics,
        features: ClusterFeatures = ClusterFeatures(), loop: EpollLoop
    ) -> ProbeEndpoints {
        ProbeEndpoints(
            metrics: metrics,
            handlers: [
                "/startup": { _ in await reach(hypervisorSocket, features, on: loop) },
                // An answer shows that the loop runs and that the supervisor's lock is free.
                "/healthz": { _ in .text("ok, \(supervisor.sandboxes().count) sandboxes\n") },
            ])
    }

    /// The probes of an adaptor that waits for another one to end. They succeed: Kubernetes ends the old pod of a
    /// DaemonSet only when the new pod is ready.
    static func standby(metrics: Metrics) -> ProbeEndpoints {
        ProbeEndpoints(
            metrics: metrics,
            handlers: ["/startup": { _ in .text("standby\n") }, "/healthz": { _ in .text("standby\n") }])
    }

    /// The timeout of a connection to the hypervisor socket.
    private static var connectTimeout: Duration { .seconds(1) }

    /// Whether the hypervisor socket accepts connections. What is missing at the API server is named, and is no failure.
    private static func reach(
        _ socket: String, _ features: ClusterFeatures, on loop: EpollLoop
    ) async -> HTTPResponse {
        do {
            let connection = try await Stream.connect(
                to: .unix(path: socket), on: loop, deadline: .now.advanced(by: connectTimeout))
            connection.close()
            return .text("ok\n" + features.missing.map { "missing: \($0)\n" }.joined())
        } catch {
            return .text("the hypervisor socket \(socket) does not accept connections: \(error)\n", status: 500)
        }
    }
}
