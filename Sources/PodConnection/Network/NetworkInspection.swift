internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import PodVMLifecycle
internal import TTRPC

/// Inspects one pod's network, from its interface on the node to its interface in the VM.
///
/// The counters of both sides are read twice, and a packet is sent each way in between. So the result is right for an idle pod
/// too, and for a path that has worked before and no longer does.
struct NetworkInspection: Sendable {
    let sandbox: SandboxID
    let manager: NodeNetworkManager
    let loop: EpollLoop

    /// The timeout of all answers of the VM.
    private static let timeout = Duration.seconds(3)
    /// How many rounds in a row must find a fault: any packet may be lost or late.
    private static let confirmations = 3
    private static let pause = Duration.milliseconds(100)
    /// The highest number of rounds. It covers the time in which a VM asks again for a neighbour that does not answer; until then
    /// the VM sends nothing else.
    private static let rounds = 15

    /// The VM's answer, the node's state, and the faults between them.
    private struct Answer {
        var vm: VMNetworkStatus
        var node: NodeNetworkState
        var problems: [String]
    }

    /// The state of both sides; `dialer`, made with the files in the sandbox's directory, leads to the VM.
    func status(asking dialer: (_ directory: String) throws(ConnectorError) -> Dialer) async -> PodNetworkStatus {
        guard let controller = manager.controller(of: sandbox) else { return PodNetworkStatus() }
        var status = PodNetworkStatus(controller.record)
        do {
            guard let (plan, before) = try await controller.planAndState() else {
                status.silence = "the VM has no address yet"
                return status
            }
            do {
                let answer = try await ask(try dialer(controller.directory), controller, plan.tunnel, before)
                status.fill(node: answer.node, vm: answer.vm)
                status.problems = answer.problems
            } catch {
                status.silence = Self.sentence(error)
                status.fill(node: before, vm: nil)
                status.problems = PathDiagnosis.problems(of: plan.tunnel, node: before, vm: nil)
            }
        } catch {
            status.silence = "it was not asked, because the node's side cannot be inspected"
            status.problems.append("The node's side cannot be inspected: \(error)")
        }
        return status
    }

    private func ask(
        _ dialer: Dialer, _ controller: SandboxNetworkController, _ tunnel: Tunnel, _ before: NodeNetworkState
    ) async throws -> Answer {
        let deadline = ContinuousClock.now.advanced(by: Self.timeout)
        guard let stream = try await dialer.connect(speaking: PodVM.applicationProtocol, deadline: deadline) else {
            throw Silence("its forwarder does not report its network (it is another project's, or TLS is off)")
        }
        return try await withDeadline(deadline, on: loop) {
            try await Client.with(stream, on: loop, limits: .untrusted) { client in
                let first = try await client.call(PodVM.network, Empty())
                let earlier = PathDiagnosis.Counts(node: before, vm: .init(first))
                var latest: Answer?
                var faultyRounds = 0
                for round in 1...Self.rounds {
                    if round > 1 { try await loop.sleep(for: Self.pause) }
                    // Why it cannot be sent, the node's state tells.
                    try? await controller.probe()
                    let vm = try await client.call(PodVM.network, Empty())
                    guard let (_, node) = try await controller.planAndState() else { break }
                    let problems = PathDiagnosis.problems(of: tunnel, node: node, vm: .init(vm), since: earlier)
                    latest = Answer(vm: vm, node: node, problems: problems)
                    faultyRounds = problems.isEmpty ? 0 : faultyRounds + 1
                    if faultyRounds == Self.confirmations
                        || problems.isEmpty && node.hasReceived(since: earlier, and: .init(vm))
                    {
                        break
                    }
                }
                guard let latest else { throw Silence("its network is being removed") }
                return latest
            }
        }
    }

    /// Why nothing is known of the VM's side.
    private struct Silence: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as Silence: error.reason
        case let error as ConnectorError: error.message
        case let error as DialError: "its forwarder was not reached at \(error)"
        case is DeadlineExceeded: "its forwarder has not answered within \(timeout)"
        case is CancellationError: "the request was cancelled"
        default: "its forwarder did not answer: \(error)"
        }
    }
}

extension PodNetworkStatus {
    /// The status as far as it is on record.
    fileprivate init(_ record: SandboxNetworkRecord) {
        self.init()
        namespacePath = record.namespacePath
        addresses = record.pod.addresses.filter { !$0.address.isLinkLocal }.map(\.description)
        vxlanID = record.identifier
        vxlanPort = record.port
        nodeAddress = record.node.address.description
        vmAddress = record.peers.last?.description ?? ""
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
    /// Whether both the node and the VM have received packets through the tunnel since `earlier`.
    fileprivate func hasReceived(since earlier: PathDiagnosis.Counts, and vm: PathDiagnosis.GuestReport) -> Bool {
        func received(_ state: NodeNetworkState) -> UInt64 { state.tunnel?.counters.received.packets ?? 0 }
        return received(self) > received(earlier.node) && vm.pod?.received ?? 0 > earlier.vm.pod?.received ?? 0
    }
}

extension PathDiagnosis.GuestReport {
    /// The report in the VM's answer.
    fileprivate init(_ status: VMNetworkStatus) {
        let hop = status.hops.last { $0.place == HopStatus.Place.podInVM.rawValue }
        self.init(
            pod: hop.map { PacketCounts(received: $0.receivedPackets, sent: $0.sentPackets, mtu: $0.mtu) },
            problems: status.problems)
    }
}
