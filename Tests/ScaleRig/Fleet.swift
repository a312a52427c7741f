internal import AzureProvider
internal import Doubles
internal import FakeCloud
internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The nodes, and the pods that come to them.
///
/// The nodes do not compare Azure's VMs with their records at intervals, as adaptors do. That has a limit of a tenth of
/// all reads, but a thousand nodes that each read thousands of VMs are too much for one processor in
/// scaled time.
struct Fleet: Sendable {
    private let run: ScaleRun
    private let counter: RequestCounter
    private let clock: ScaledClock
    private let nodes: [(supervisor: SandboxSupervisor, provider: AzureProvider)]
    private let tally = Lock(ScaleRun.Report())

    init(
        _ run: ScaleRun, _ account: FakeAzureAccount, _ counter: RequestCounter, _ machines: RecordOnlyMachines,
        _ clock: ScaledClock
    ) throws {
        self.run = run
        self.counter = counter
        self.clock = clock
        var options = AzureOptions()
        options.clientID = account.clientID
        options.clientSecret = account.clientSecret
        options.tenantID = account.tenantID
        options.subscriptionID = account.subscriptionID
        options.authorityHost = account.authorityHost
        options.managementEndpoint = account.managementEndpoint
        options.region = account.region
        options.resourceGroup = account.resourceGroup
        options.subnetID = account.subnetID
        options.securityGroupID = account.securityGroupID
        options.imageID = account.imageID
        options.instanceSize = account.instanceSize
        nodes = try (0..<run.nodes).map { number in
            let provider = try AzureProvider(
                options, sender: counter, sshPublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA test", clock: clock)
            let supervisor = SandboxSupervisor(
                store: MemoryStore(), provider: provider,
                connector: RecordOnlyConnector(machines: machines, clock: clock),
                clock: clock, options: .init(node: "node-\(number)", cluster: "scale"))
            return (supervisor, provider)
        }
    }

    func run(progress: @escaping @Sendable (String) -> Void) async -> ScaleRun.Report {
        await withTaskGroup(of: Void.self) { daemons in
            for (number, node) in nodes.enumerated() {
                daemons.addTask {
                    let birth = Duration.seconds(run.rollout * Double(number) / Double(run.nodes))
                    guard (try? await clock.sleep(until: birth)) != nil else { return }
                    await withDiscardingTaskGroup { services in
                        services.addTask { await node.supervisor.run() }
                        services.addTask { await node.provider.run() }
                    }
                }
            }
            daemons.addTask { await report(progress) }
            try? await clock.sleep(until: .seconds(run.rollout + 30))
            let before = counts()
            let begun = clock.elapsed
            await pods(from: begun)
            await emptied()
            let end = clock.elapsed
            daemons.cancelAll()
            tally.withLock { tally in
                tally.seconds = (end - begun) / .seconds(1)
                tally.callsBefore = before
                tally.calls = counts().merging(before) { all, before in
                    (all.calls - before.calls, all.throttled - before.throttled, all.failed - before.failed)
                }
            }
        }
        return tally.withLock { $0 }
    }

    private func counts() -> [String: (calls: Int, throttled: Int, failed: Int)] {
        counter.all.mapValues { ($0.calls, $0.throttled, $0.failed) }
    }

    private func report(_ progress: @Sendable (String) -> Void) async {
        while (try? await clock.sleep(for: .seconds(100))) != nil {
            let counts = counter.all.values
            let (started, failed) = tally.withLock { ($0.started, $0.failedStarts) }
            let alive = nodes.reduce(0) { $0 + $1.supervisor.sandboxes().count }
            progress(
                "\(clock.elapsed.components.seconds) s: \(started) pods have run, \(alive) are on record, "
                    + "\(failed) starts failed; \(counts.reduce(0) { $0 + $1.calls }) calls, "
                    + "\(counts.reduce(0) { $0 + $1.throttled }) refused, \(counts.reduce(0) { $0 + $1.failed }) failed"
            )
        }
    }

    private func pods(from begun: Duration) async {
        await withDiscardingTaskGroup { group in
            for number in 0..<run.pods {
                let moment: Double =
                    switch run.arrivals {
                    case .atOnce: 0
                    case .spread(let rate): Double.random(in: 0..<Double(run.pods) / rate)
                    }
                group.addTask {
                    guard (try? await clock.sleep(until: begun + .seconds(moment))) != nil else { return }
                    await pod(number, on: nodes[number % nodes.count].supervisor)
                }
            }
        }
    }

    /// One pod, with as many sandboxes as it takes, as kubelet would.
    private func pod(_ number: Int, on supervisor: SandboxSupervisor) async {
        let arrived = clock.elapsed
        for attempt in 0..<10 {
            guard let id = try? SandboxID(validating: "\(number)-\(attempt)-0123456789abcdef0123456789abcdef") else {
                break
            }
            do {
                _ = try await supervisor.create(.init(id: id, podName: "pod-\(number)", podNamespace: "scale"))
                try await supervisor.start(id)
                let seconds = (clock.elapsed - arrived) / .seconds(1)
                tally.withLock { tally in
                    tally.started += 1
                    tally.startSeconds.append(seconds)
                }
                try? await clock.sleep(for: .seconds(run.lifetime))
                _ = try? await supervisor.stop(id.rawValue)
                return
            } catch {
                tally.withLock { tally in
                    tally.failedStarts += 1
                    tally.reasons[String("\(error)".prefix(200)), default: 0] += 1
                }
                try? await clock.sleep(for: .seconds(10))
            }
        }
        tally.withLock { $0.lost += 1 }
    }

    /// Returns once no sandbox is on record.
    private func emptied() async {
        while nodes.contains(where: { !$0.supervisor.sandboxes().isEmpty }) {
            guard (try? await clock.sleep(for: .seconds(5))) != nil else { return }
        }
    }
}
