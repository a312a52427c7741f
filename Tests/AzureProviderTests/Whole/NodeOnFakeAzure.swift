import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@testable import AzureProvider
@testable import FakeCloud

/// A node whose pods' VMs a fake Azure simulates: with the lifecycle, this provider, libcurl and the server.
struct NodeOnFakeAzure: Sendable {
    let azure: FakeAzure
    let machines: RecordOnlyMachines
    let client: HTTPClient
    let loop: EpollLoop
    let connector: PromptAgents
    let supervisor: SandboxSupervisor
    let provider: AzureProvider
    let calls: CountingSender

    /// Runs `body` against a fake Azure that is the same for all its nodes.
    static func run(
        _ body: @escaping @Sendable (FakeAzure, RecordOnlyMachines, HTTPClient, EpollLoop) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let machines = RecordOnlyMachines()
            var options = FakeAzureOptions()
            options.recordingFile = TrafficRecording.file()
            let azure = try FakeAzure(options, machines: machines, on: loop)
            let client = try HTTPClient(on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                group.addTask { try await client.run() }
                group.addTask {
                    try await withDeadline(.now.advanced(by: .seconds(300)), on: loop) {
                        try await body(azure, machines, client, loop)
                    }
                }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        }
    }

    /// A node of its own, with a memory of its own.
    init(
        _ azure: FakeAzure, _ machines: RecordOnlyMachines, _ client: HTTPClient, _ loop: EpollLoop,
        scenario: String = "{}",
        agentsAreEarly: Bool = false, hurry: Int = 100, _ change: (inout AzureOptions) -> Void = { _ in }
    ) throws {
        (self.azure, self.machines, self.client, self.loop) = (azure, machines, client, loop)
        azure.direct(try AzureScenario(parsing: Array(scenario.utf8)))
        var options = AzureOptions(azure.account)
        change(&options)
        let clock = AcceleratedClock(factor: hurry, loop: loop)
        calls = CountingSender(client)
        connector = PromptAgents(azure: azure, machines: machines, loop: loop, areEarly: agentsAreEarly)
        provider = try AzureProvider(
            options, sender: calls,
            sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
            clock: clock)
        supervisor = SandboxSupervisor(
            store: MemoryStore(), provider: provider, connector: connector, clock: clock,
            options: .init(node: "node-1", cluster: "test"))
    }

    /// CreateVM and StartVM of a pod; nil, or what the shim is told.
    func start(_ id: String) async throws -> LifecycleError? {
        let request = SandboxRequest(
            id: try SandboxID(validating: id), podName: "nginx", podNamespace: "default",
            requirements: Requirements())
        _ = try await supervisor.create(request)
        do {
            try await supervisor.start(request.id)
            return nil
        } catch {
            return error
        }
    }

    /// Has the lifecycle at work in the background for as long as `body` takes.
    func work(_ body: @escaping @Sendable (NodeOnFakeAzure) async throws -> Void) async throws {
        try await supervisor.load()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await supervisor.run() }
            group.addTask { try await body(self) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Returns once no sandbox is left on the node.
    func settled() async throws {
        while !supervisor.sandboxes().isEmpty { try await loop.sleep(for: .milliseconds(1)) }
    }

    /// The names of what Azure has.
    var left: [String] {
        azure.store.withContent { core in
            core.state.machines.all.map(\.id.name) + core.state.interfaces.all.map(\.id.name)
                + core.state.disks.all.map(\.id.name) + core.state.publicAddresses.all.map(\.id.name)
        }
    }
}

/// Counts what goes to ARM, by method, and remembers it.
final class CountingSender: HTTPSender {
    private let sender: any HTTPSender
    private let requests = Lock<[String]>([])

    init(_ sender: any HTTPSender) { self.sender = sender }

    /// Method and path of each request, such as `PUT virtualMachines/podvm-x`, in order. Requests for tokens are left out.
    var all: [String] { requests.withLock { $0 } }

    subscript(method: String) -> Int { all.count { $0.hasPrefix("\(method) ") } }

    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        if !request.url.contains("/oauth2/") {
            let path = request.url.split(separator: "?")[0].split(separator: "/").suffix(2).joined(separator: "/")
            requests.withLock { $0.append("\(request.method) \(path)") }
        }
        return try await sender.send(request)
    }
}

/// Agents that answer as soon as their guest is up, or only when Azure calls its VM done, and never if it does not.
struct PromptAgents: PodConnector {
    let azure: FakeAzure
    let machines: RecordOnlyMachines
    let loop: EpollLoop
    let areEarly: Bool

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod { PreparedPod(agentSocketPath: "\(directory)/agent.ttrpc") }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        "I2Nsb3VkLWNvbmZpZw=="
    }

    func connect(_ sandbox: SandboxID, in directory: String, to instance: Instance) async throws(ConnectorError) {
        while !isUp(instance.id.rawValue) {
            do {
                try await loop.sleep(for: .milliseconds(1))
            } catch {
                throw ConnectorError(.cancelled, "the agent was not up yet")
            }
        }
    }

    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {}

    func disconnect(_ sandbox: SandboxID, in directory: String) async {}

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {}

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { nil }

    func adopt(_ sandbox: SandboxID, in directory: String) {}

    private func isUp(_ name: String) -> Bool {
        if areEarly { return machines.status(of: name) == .running }
        return azure.store.withContent { core in
            core.state.machines.all.contains { $0.id.name == name && $0.state.text == "Succeeded" }
        }
    }
}
