internal import FakeCloud
internal import PodVMLifecycle

/// A connector whose agents answer as soon as the record-only machine is up.
struct RecordOnlyConnector: PodConnector {
    let machines: RecordOnlyMachines
    let clock: ScaledClock

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        PreparedPod(agentSocketPath: "\(directory)/agent.ttrpc")
    }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        "I2Nsb3VkLWNvbmZpZwo="
    }

    func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        let name = instance.id.rawValue.lowercased()
        // Frequent looks would cost more than everything else.
        var pause = machines.spec(name).map { $0.bootDelay * clock.scale } ?? .zero
        while machines.status(of: name) != .running {
            do { try await clock.sleep(for: max(pause, .seconds(1))) } catch {
                throw ConnectorError(.cancelled, "cancelled")
            }
            pause = .zero
        }
    }

    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {}

    func disconnect(_ sandbox: SandboxID, in directory: String) async {}

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {}

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { nil }

    func adopt(_ sandbox: SandboxID, in directory: String) {}
}
