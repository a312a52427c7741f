internal import Glibc
internal import LinuxIO
internal import PodNetwork
internal import PodVMBoot
internal import Telemetry

/// The VM's end of the pod's network: the boot document's description, and the additions of this VM's own options.
struct GuestNetwork: Sendable {
    /// The plan of the end, if the VM's own interface carries it.
    let plan: GuestNetworkPlan
    /// The pod's namespace in this VM.
    let namespace: String
    /// Whether the node requests that the pod reaches the outside through this VM, which is not supported.
    let isExternalThroughVM: Bool
    /// The VM's interface that the tunnel uses; an empty name means the interface of the default route.
    private let interface: String
    /// Whether that interface has to differ from the default route's.
    private let isDedicated: Bool

    /// The address of Azure's metadata service: this VM's own, and behind the tunnel the node's.
    static let metadataService: NetAddress = {
        guard let address = NetAddress(bytes: [169, 254, 169, 254]) else { preconditionFailure("it has four bytes") }
        return address
    }()

    /// The address of Azure's platform, the same for every VM: DNS, and services that return the VM's (here: the
    /// node's) settings and certificates.
    static let platform: NetAddress = {
        guard let address = NetAddress(bytes: [168, 63, 129, 16]) else { preconditionFailure("it has four bytes") }
        return address
    }()
    private static let dns: UInt16 = 53

    /// The network that `document` describes; nil if it describes none. Throws if that network is impossible.
    ///
    /// The node cannot change the addresses that are blocked for the pod.
    init?(_ document: BootDocument, _ options: ForwarderOptions) throws(ForwarderError) {
        guard let description = document.podNetwork else { return nil }
        do throws(PodNetworkError) {
            var plan = try description.plan()
            if options.offersMetadata {
                plan.ownServices = [Self.metadataService]
            } else {
                plan.forbidden = [NetPrefix(only: Self.metadataService)]
            }
            plan.restricted = [Restriction(NetPrefix(only: Self.platform), openPorts: [Self.dns])]
            try plan.check()
            self.plan = plan
        } catch {
            throw ForwarderError(error)
        }
        namespace = options.podNamespace
        interface = options.hostInterface
        isDedicated = description.isDedicated
        isExternalThroughVM = description.isExternalThroughVM
    }

    /// Creates the missing parts of the end, once this VM has a network itself. Returns the end.
    ///
    /// Parts that match the plan are not changed: the pod's connections survive a restart of this program.
    /// - Throws: ``ForwarderError`` with nothing changed, or `CancellationError`.
    func setUp(
        _ networks: PodNetworkExecutor, patience: Patience = Patience(), on loop: EpollLoop, logger: Logger
    ) async throws -> GuestNetworkPlan {
        let begun = ContinuousClock.now
        let underlay = try await underlay(networks, patience, on: loop, logger)
        var plan = plan.fitting(underlay)
        if isDedicated {
            guard underlay.isDedicated else {
                throw ForwarderError(
                    "the node's tunnel needs an interface of its own, but \(underlay.interface) has the default route",
                    advice:
                        "name the other interface with -host-interface, or remove -host-interface from the node's adaptor"
                )
            }
            plan.tunnel.local = underlay.address(toward: plan.tunnel.remote)?.address
        }
        do {
            try await networks.setUp(plan, in: namespace)
        } catch let error as PodNetworkError {
            throw ForwarderError(error)
        }
        logger.info(
            "The pod's network is up",
            [
                LogField("interface", plan.interface), LogField("tunnel", plan.tunnel), LogField("mtu", plan.mtu),
                LogField("addresses", plan.addresses.map(\.description).joined(separator: " ")),
                LogField("over", underlay.interface),
                LogField("milliseconds", Int((ContinuousClock.now - begun) / .milliseconds(1))),
            ])
        return plan
    }

    /// The limits of the wait for this VM's own network.
    struct Patience: Sendable {
        var limit = Duration.seconds(180)
        /// The first and the longest pause between checks: most delays are short.
        var firstPause = Duration.milliseconds(20)
        var longestPause = Duration.seconds(1)
        /// The interval between log lines about the wait.
        var silence = Duration.seconds(15)
    }

    private func underlay(
        _ networks: PodNetworkExecutor, _ patience: Patience, on loop: EpollLoop, _ logger: Logger
    ) async throws -> Underlay {
        let node = plan.tunnel.remote
        let begun = ContinuousClock.now
        var (pause, silentUntil) = (patience.firstPause, begun)
        while true {
            let problem: PodNetworkError
            do {
                let found = try await networks.underlay(named: interface, toward: node)
                if found.address(toward: node) != nil { return found }
                problem = PodNetworkError(
                    .noPrimaryInterface, "The interface \(found.interface)",
                    "it has no IPv\(node.isVersion6 ? 6 : 4) address, and the node has \(node)",
                    "Look at this VM's own network ('ip addr', the log of its DHCP client).")
            } catch let error as PodNetworkError {
                problem = error
            }
            let now = ContinuousClock.now
            guard problem.mayPass, now - begun + pause <= patience.limit else {
                throw ForwarderError(problem, after: problem.mayPass ? now - begun : nil)
            }
            if now >= silentUntil {
                logger.info("Waiting for this VM's own network: \(problem.object): \(problem.reason)")
                silentUntil = now.advanced(by: patience.silence)
            }
            try await loop.sleep(for: pause)
            pause = min(pause * 2, patience.longestPause)
        }
    }
}

extension PodNetworkError {
    /// Whether the problem may disappear while the VM boots.
    fileprivate var mayPass: Bool {
        code == .noPrimaryInterface || errno == ENETUNREACH || errno == EHOSTUNREACH
    }
}

extension ForwarderError {
    /// Reports that the pod has no network.
    fileprivate init(_ error: PodNetworkError, after waited: Duration? = nil) {
        let time = waited.map { ", after \($0.components.seconds) s of waiting" } ?? ""
        self.init(
            "The pod's network cannot be set up\(time): \(error.fault)", advice: error.remedy)
    }
}
