internal import LinuxIO
internal import PodConnection
internal import PodVMLifecycle
internal import Telemetry

extension Daemon {
    /// The tunnels of the gateway's process; nil when this process has the gateway.
    func gatewayTunnels(on loop: EpollLoop) -> GatewayTunnels? {
        guard case .process(let controlSocket) = configuration.gateway else { return nil }
        return GatewayTunnels(
            socket: controlSocket, adaptorSocket: configuration.servedSocket, on: loop, logger: logger)
    }

    /// Carries out the StopVM calls that the gateway has answered, until cancelled.
    static func stopSandboxes(of tunnels: GatewayTunnels, _ supervisor: SandboxSupervisor, _ logger: Logger) async {
        for await sandbox in tunnels.stoppedSandboxes {
            do {
                try await supervisor.stop(sandbox)
            } catch {
                logger.error(
                    "A sandbox whose StopVM the gateway has answered cannot be stopped; call StopVM again",
                    [LogField("sandbox", sandbox), LogField("error", error.message)])
            }
        }
    }
}
