internal import AzureProvider
internal import Doubles
internal import FakeCloud
internal import HTTPTransport
public import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Many nodes that start and stop pods against one subscription of a fake Azure, with Azure's own limits on calls.
///
/// Each node has all that an adaptor has between kata and Azure - supervisor, provider, token, limiter - and knows of the
/// others only what Azure's answers tell. Machines are records only, so that the traffic is what is measured. Sockets are
/// shared by the nodes, as thousands of connections would measure this machine.
public struct ScaleRun: Sendable {
    /// When pods come.
    public enum Arrivals: Sendable {
        /// All in the same moment.
        case atOnce
        /// So many a second, at random moments.
        case spread(perSecond: Double)
    }

    /// The number of nodes, each with a provider of its own.
    public var nodes = 1000
    /// The number of pods on all nodes.
    public var pods = 5000
    /// When pods arrive.
    public var arrivals = Arrivals.atOnce
    /// Seconds in which the nodes' daemons come up, before there are pods.
    public var rollout = 300.0
    /// How long a pod runs, in seconds.
    public var lifetime = 60.0
    /// Whether the first request for a VM and the first for a deletion are answered with 429, whatever the limits are.
    public var refusesFirst = false
    /// How many seconds pass in one of ours.
    public var timeScale = 15.0

    /// The defaults.
    public init() {}

    /// What came of it; times are in Azure's seconds.
    public struct Report: Sendable {
        /// The number of pods that ran.
        public var started = 0
        /// Starts that failed, and were asked for again as kubelet would.
        public var failedStarts = 0
        /// Why, with how often.
        public var reasons: [String: Int] = [:]
        /// Pods that never ran.
        public var lost = 0
        /// Resources of VMs that were left at the end.
        public var left = 0
        /// From the first pod's arrival to the last VM's end.
        public var seconds = 0.0
        /// From a pod's arrival to its agent's answer.
        public var startSeconds: [Double] = []
        /// By kind of call: how many, and how many of them were answered with 429 or failed.
        public var calls: [String: (calls: Int, throttled: Int, failed: Int)] = [:]
        /// The same before the first pod came.
        public var callsBefore: [String: (calls: Int, throttled: Int, failed: Int)] = [:]
    }

    /// Runs it.
    public func run(on loop: EpollLoop, progress: @escaping @Sendable (String) -> Void) async throws -> Report {
        let clock = ScaledClock(on: loop, scale: timeScale)
        let machines = RecordOnlyMachines()
        var azure = FakeAzureOptions()
        if refusesFirst {
            let fault = #""first": 1, "do": "refuse", "status": 429, "code": "TooManyRequests", "retry-after": 1"#
            let faults = ["vm-put", "vm-delete"].map { "{\"at\": \"\($0)\", \(fault)}" }.joined(separator: ",")
            azure.scenario = try AzureScenario(parsing: Array("{\"faults\": [\(faults)]}".utf8))
        }
        func real(_ seconds: Double) -> Duration { .seconds(seconds / timeScale) }
        azure.scenario.delays.accept = real(1)
        azure.scenario.delays.nic = real(2)
        azure.scenario.delays.boot = real(12)
        azure.scenario.delays.operation = real(40)
        azure.scenario.delays.delete = real(30)
        azure.scenario.delays.provisioningLimit = real(1200)
        azure.scenario.retryAfter = 10
        azure.scenario.throttling.timeScale = timeScale
        azure.scenario.throttling.clientsAreScaled = true
        let cloud = try FakeAzure(azure, machines: machines, on: loop)
        var http = HTTPClient.Options()
        http.environment = [:]
        http.connectionsPerHost = 1000
        let client = try HTTPClient(http, on: loop)
        let counter = RequestCounter(client)
        let fleet = try Fleet(self, cloud.account, counter, machines, clock)
        return try await withThrowingTaskGroup(of: Report?.self) { group in
            group.addTask {
                try await cloud.run()
                return nil
            }
            group.addTask {
                try await client.run()
                return nil
            }
            group.addTask {
                var report = await fleet.run(progress: progress)
                report.left = try await leftovers(cloud.account, client) + machines.count
                return report
            }
            defer { group.cancelAll() }
            while let news = try await group.next() { if let news { return news } }
            throw CancellationError()
        }
    }

    /// How many resources Azure still knows.
    private func leftovers(_ account: FakeAzureAccount, _ client: HTTPClient) async throws -> Int {
        let state = try await client.send(
            OutgoingRequest(
                "GET", "\(account.managementEndpoint)/control/state",
                headers: ["Authorization": "Bearer \(account.clientSecret.reveal())"]))
        return String(decoding: state.body, as: UTF8.self).ranges(of: "\"type\"").count
    }
}
