package import AgentTunnel
package import LinuxIO
internal import PeerPodProtocol
package import PodVMLifecycle
internal import TTRPC
package import Telemetry

/// The tunnels of a node whose gateway serves them. They outlive this process.
///
/// ``run()`` attaches to the gateway, again and again: after each attachment it opens the wanted tunnels that the gateway
/// does not have. Commands wait while there is no gateway.
package final class GatewayTunnels: TunnelHost {
    /// A tunnel of the gateway's last list.
    private struct Observation {
        let lastUse: ContinuousClock.Instant?
        let isInUse: Bool
    }

    private struct State {
        /// The tunnels that the node should have.
        var wanted: [SandboxID: TunnelPlan] = [:]
        /// The tunnels that were closed while the gateway did not answer, and why.
        var closing: [SandboxID: String] = [:]
        /// The connection to the gateway, while this adaptor is attached.
        var link: Client?
        /// The gateway's last list; nil while it is not known.
        var observed: [SandboxID: Observation]?
        /// What the gateway last said of itself; nil while this adaptor is not attached.
        var status: GatewayStatus?
    }

    /// The ids of sandboxes whose StopVM the gateway has answered. Only one task may read them.
    let stoppedSandboxes: AsyncStream<String>
    private let stops: AsyncStream<String>.Continuation
    private let state = Lock(State())
    private let changes = AsyncCondition()
    private let link: GatewayLink
    private let loop: EpollLoop
    private let logger: Logger

    /// How long a command may take before it counts as not answered. Opening includes a connection to the VM.
    private static let openTimeout = Duration.seconds(10)
    /// StopVM waits for the close, and has one second.
    private static let closeTimeout = Duration.milliseconds(300)
    /// The pause between two lists of the gateway's tunnels.
    private static let listInterval = Duration.seconds(2)
    /// The pauses between two attempts of one command.
    private static let pause = Duration.milliseconds(100)

    /// A host that commands the gateway on `socket`. The adaptor serves the forwarded hypervisor calls on
    /// `adaptorSocket` before ``run()`` begins.
    package init(socket: String, adaptorSocket: String, on loop: EpollLoop, logger: Logger) {
        link = GatewayLink(socket: socket, adaptorSocket: adaptorSocket, loop: loop, logger: logger)
        self.loop = loop
        self.logger = logger
        (stoppedSandboxes, stops) = AsyncStream.makeStream()
    }

    /// The tunnels that the gateway reports; before its first report, those that are wanted.
    package var count: Int { state.withLock { $0.observed?.count ?? $0.wanted.count } }

    /// When the sandbox's shim last used the tunnel: now if it is connected, nil if the gateway has no such tunnel.
    package func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? {
        state.withLock { state in
            // A gateway that does not answer says nothing about the shim.
            guard let observed = state.observed else { return .now }
            guard let tunnel = observed[sandbox] else { return nil }
            return tunnel.isInUse ? .now : tunnel.lastUse
        }
    }

    /// Returns once the gateway has opened the tunnel. If the gateway does not answer, tries again until the task is
    /// cancelled.
    package func open(_ plan: TunnelPlan, for sandbox: SandboxID) async throws {
        want(plan, for: sandbox)
        while true {
            let client = try await attached()
            do {
                return try await send(plan, for: sandbox, connectsAhead: true, over: client)
            } catch let status as Status where status.code == .unavailable || status.code == .deadlineExceeded {
                logger.warning(
                    "The gateway did not answer; trying again to open the tunnel",
                    [LogField("sandbox", sandbox), LogField("error", status)])
            }
            try await loop.sleep(for: Self.pause)
        }
    }

    /// Notes that the tunnel is wanted: ``run()`` opens it if the gateway does not have it.
    package func reopen(_ plan: TunnelPlan, for sandbox: SandboxID) { want(plan, for: sandbox) }

    /// Closes the tunnel at once if the gateway is attached, otherwise when it attaches again.
    package func close(_ sandbox: SandboxID, because reason: String) async {
        let client = state.withLock { state in
            state.wanted[sandbox] = nil
            state.observed?[sandbox] = nil
            state.closing[sandbox] = reason
            return state.link
        }
        if let client { await close(sandbox, because: reason, over: client, within: Self.closeTimeout) }
    }

    /// Adds what the gateway counts. While this adaptor is not attached, only `peerpods_gateway_attached` has a value.
    package func register(in metrics: Metrics) {
        func gauge(_ name: String, _ help: String, _ value: @escaping @Sendable (GatewayStatus) -> Int) {
            metrics.gauge(name, help) { [state] in state.withLock { $0.status }.map { Double(value($0)) } }
        }
        metrics.gauge("peerpods_gateway_attached", "Whether this adaptor is attached to the gateway.") { [state] in
            state.withLock { $0.link == nil ? 0 : 1 }
        }
        gauge("peerpods_gateway_waiting_calls", "Hypervisor calls that wait for an adaptor.", \.waitingCalls)
        gauge("peerpods_gateway_resent_calls", "Calls that were sent to another adaptor again.", \.resentCalls)
        gauge("peerpods_gateway_stop_marks", "StopVM calls that the gateway has answered itself.", \.stopMarks)
        gauge("peerpods_gateway_sessions_suspended", "Agent connections that wait for their VM.", \.suspendedSessions)
        gauge("peerpods_gateway_sessions_resumed", "Agent connections that have continued.", \.resumedSessions)
        gauge("peerpods_gateway_sessions_lost", "Agent connections that a broken path has ended.", \.lostSessions)
        gauge("peerpods_gateway_health_answered", "Health checks answered for VMs out of reach.", \.answeredChecks)
    }

    /// Returns once this adaptor is attached: then the gateway sends it the calls that wait.
    package func callersReachable() async { _ = try? await attached() }

    /// The gateway keeps its tunnels when this process ends.
    package func closeAll() async -> Int { 0 }

    /// Attaches to the gateway, again after each loss, and makes its tunnels those that are wanted, until the task is
    /// cancelled.
    package func run() async {
        await link.run { client, events in
            try await self.reconcile(over: client)
            self.setLink(client)
            defer { self.setLink(nil) }
            try await self.follow(client, events)
        }
    }

    /// Carries out the StopVM calls that the gateway has answered, until cancelled. Only one task may run it.
    package func carryOutStops(by supervisor: SandboxSupervisor) async {
        for await sandbox in stoppedSandboxes {
            do {
                try await supervisor.stop(sandbox)
            } catch {
                logger.error(
                    "A sandbox whose StopVM the gateway has answered cannot be stopped; call StopVM again",
                    [LogField("sandbox", sandbox), LogField("error", error.message)])
            }
        }
    }

    private func want(_ plan: TunnelPlan, for sandbox: SandboxID) {
        state.withLock { state in
            state.wanted[sandbox] = plan
            state.closing[sandbox] = nil
        }
    }

    private func setLink(_ client: Client?) {
        state.withLock { state in
            state.link = client
            if client == nil { (state.observed, state.status) = (nil, nil) }
        }
        changes.notifyAll()
    }

    /// Waits until this adaptor is attached.
    private func attached() async throws -> Client {
        while true {
            let generation = changes.generation
            if let client = state.withLock({ $0.link }) { return client }
            try Task.checkCancellation()
            await changes.wait(past: generation)
        }
    }
}

extension GatewayTunnels {
    /// Closes and opens what this process could not while it was not attached.
    private func reconcile(over client: Client) async throws {
        for (sandbox, reason) in state.withLock({ $0.closing }) {
            await close(sandbox, because: reason, over: client, within: Self.openTimeout)
        }
        let served = Set(try await list(over: client).keys)
        for (sandbox, plan) in state.withLock({ $0.wanted }) where !served.contains(sandbox) {
            logger.info("The gateway does not have a tunnel; opening it", [LogField("sandbox", sandbox)])
            do {
                try await send(plan, for: sandbox, connectsAhead: false, over: client)
            } catch let status as Status where ![.unavailable, .deadlineExceeded].contains(status.code) {
                logger.error(
                    "The agent socket cannot be served again, and the pod's agent cannot be reached; delete the pod",
                    [LogField("sandbox", sandbox), LogField("error", status)])
            }
        }
    }

    /// Passes the gateway's events on and reads its list, until the connection ends.
    private func follow(_ client: Client, _ events: Client.Responses<GatewayEvent>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while let event = try await events.next() {
                    if !event.stoppedSandbox.isEmpty { self.stops.yield(event.stoppedSandbox) }
                }
            }
            group.addTask {
                while true {
                    let observed = try await self.list(over: client)
                    let status = try await client.call(GatewayControl.counters, Empty(), timeout: Self.openTimeout)
                    self.state.withLock { ($0.observed, $0.status) = (observed, status) }
                    try await self.loop.sleep(for: Self.listInterval)
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func list(over client: Client) async throws -> [SandboxID: Observation] {
        let list = try await client.call(GatewayControl.list, Empty(), timeout: Self.openTimeout)
        let now = ContinuousClock.now
        var observed: [SandboxID: Observation] = [:]
        for tunnel in list.tunnels {
            guard let sandbox = try? SandboxID(validating: tunnel.sandbox) else { continue }
            let age = tunnel.millisecondsSinceUse
            observed[sandbox] = Observation(
                lastUse: age < 0 ? nil : now.advanced(by: .milliseconds(-age)), isInUse: tunnel.connections > 0)
        }
        return observed
    }

    private func send(
        _ plan: TunnelPlan, for sandbox: SandboxID, connectsAhead: Bool, over client: Client
    ) async throws {
        let request = OpenTunnelRequest(plan, for: sandbox.rawValue, connectsAhead: connectsAhead)
        _ = try await client.call(GatewayControl.openTunnel, request, timeout: Self.openTimeout)
    }

    /// Closes a tunnel. If the gateway does not answer, the next attachment closes the tunnel.
    private func close(
        _ sandbox: SandboxID, because reason: String, over client: Client, within timeout: Duration
    ) async {
        let request = CloseTunnelRequest.with { ($0.sandbox, $0.reason) = (sandbox.rawValue, reason) }
        do {
            _ = try await client.call(GatewayControl.closeTunnel, request, timeout: timeout)
            state.withLock { $0.closing[sandbox] = nil }
        } catch {
            logger.warning(
                "The gateway did not answer; its next answer is awaited to close the tunnel",
                [LogField("sandbox", sandbox), LogField("error", error)])
        }
    }
}
