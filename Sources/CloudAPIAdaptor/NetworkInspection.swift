internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import PodVMLifecycle
internal import TTRPC

/// A look at one pod's network, from its interface on the node to the one in the VM.
///
/// Both ends are looked at twice, and something is sent each way between: so what is told is true of a pod that has nothing
/// to say, and of a way that was good once.
struct NetworkInspection: Sendable {
    let sandbox: SandboxID
    let host: NodeNetworkManager
    let loop: EpollLoop

    /// How long the VM may take for all of its answers.
    private static let patience = Duration.seconds(3)
    /// How often in a row something has to be wrong: any packet may be lost, or come late.
    private static let tries = 3
    private static let pause = Duration.milliseconds(100)
    /// How often something is sent at most: as long as a VM takes to ask once more for a neighbour that does not answer,
    /// for until then it sends nothing else.
    private static let rounds = 15

    /// What the VM told, and what is wrong with the way to it.
    private struct Answer {
        var vm: VMNetworkStatus
        var node: NodeNetworkState
        var problems: [String]
    }

    /// All that can be told; `dialer`, made with what is in the sandbox's directory, leads to the VM.
    func status(asking dialer: (_ directory: String) throws(ConnectorError) -> Dialer) async -> PodNetworkStatus {
        guard let (network, directory) = host.record(of: sandbox) else { return PodNetworkStatus() }
        var status = PodNetworkStatus(network)
        do {
            guard let (plan, before) = try await host.nodeEnd(of: sandbox) else {
                status.silence = "the VM has no address yet"
                return status
            }
            do {
                let answer = try await ask(try dialer(directory), plan.tunnel, before)
                status.fill(node: answer.node, vm: answer.vm)
                status.problems = answer.problems
            } catch {
                status.silence = Self.sentence(error)
                status.fill(node: before, vm: nil)
                status.problems = PathDiagnosis.problems(of: plan.tunnel, node: before, vm: nil)
            }
        } catch {
            status.silence = "the node's end comes first"
            status.problems.append("The node's end cannot be looked at: \(error)")
        }
        return status
    }

    private func ask(_ dialer: Dialer, _ tunnel: Tunnel, _ before: NodeNetworkState) async throws -> Answer {
        let deadline = ContinuousClock.now.advanced(by: Self.patience)
        guard let stream = try await dialer.connect(speaking: PodVM.applicationProtocol, deadline: deadline) else {
            throw Silence("its forwarder does not tell (it is another project's, or TLS is off)")
        }
        return try await withDeadline(deadline, on: loop) {
            try await Client.with(stream, on: loop, limits: .untrusted) { client in
                let first = try await client.call(PodVM.network, Empty())
                let earlier = PathDiagnosis.Counts(node: before, vm: .init(first))
                var latest: Answer?
                var complaints = 0
                for round in 1...Self.rounds {
                    if round > 1 { try await loop.sleep(for: Self.pause) }
                    // That it cannot be sent, the end's own state tells.
                    try? await host.probe(sandbox)
                    let vm = try await client.call(PodVM.network, Empty())
                    guard let (_, node) = try await host.nodeEnd(of: sandbox) else { break }
                    let problems = PathDiagnosis.problems(of: tunnel, node: node, vm: .init(vm), since: earlier)
                    latest = Answer(vm: vm, node: node, problems: problems)
                    complaints = problems.isEmpty ? 0 : complaints + 1
                    if complaints == Self.tries || problems.isEmpty && node.hasHeard(since: earlier, and: .init(vm)) {
                        break
                    }
                }
                guard let latest else { throw Silence("its network is being taken away") }
                return latest
            }
        }
    }

    /// Why nothing is known of the VM's end.
    private struct Silence: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as Silence: error.reason
        case let error as ConnectorError: error.message
        case let error as DialError: "its forwarder is not reached at \(error)"
        case is DeadlineExceeded: "its forwarder has not answered within \(patience)"
        case is CancellationError: "nobody waited for the answer"
        default: "its forwarder did not answer: \(error)"
        }
    }
}

extension PodNetworkStatus {
    /// What is on record.
    fileprivate init(_ network: SandboxNetworkRecord) {
        self.init()
        namespacePath = network.namespacePath
        addresses = network.pod.addresses.filter { !$0.address.isLinkLocal }.map(\.description)
        vxlanID = network.identifier
        vxlanPort = network.port
        nodeAddress = network.node.address.description
        vmAddress = network.peers.last?.description ?? ""
    }

    fileprivate mutating func fill(node: NodeNetworkState, vm: VMNetworkStatus?) {
        if let pod = node.pod { hops.append(HopStatus(pod, in: .podOnNode)) }
        if let tunnel = node.tunnel { hops.append(HopStatus(tunnel, in: .podOnNode)) }
        if let underlay = node.underlay { hops.append(HopStatus(underlay, in: .node)) }
        guard let vm else { return }
        hops += vm.hops
        routes = vm.routes
    }
}

extension NodeNetworkState {
    /// Whether something has come through the tunnel since, at both ends.
    fileprivate func hasHeard(since earlier: PathDiagnosis.Counts, and vm: PathDiagnosis.FarEnd) -> Bool {
        func received(_ state: NodeNetworkState) -> UInt64 { state.tunnel?.counters.received.packets ?? 0 }
        return received(self) > received(earlier.node) && vm.pod?.received ?? 0 > earlier.vm.pod?.received ?? 0
    }
}

extension PathDiagnosis.FarEnd {
    /// What the VM told over the wire.
    fileprivate init(_ status: VMNetworkStatus) {
        let hop = status.hops.last { $0.place == HopStatus.Place.podInVM.rawValue }
        self.init(
            pod: hop.map { Passed(received: $0.receivedPackets, sent: $0.sentPackets, mtu: $0.mtu) },
            problems: status.problems)
    }
}
