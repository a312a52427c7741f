internal import HTTPTransport
package import LinuxIO
internal import PodVMLifecycle
package import Telemetry

/// What the adaptor does with the API server of its cluster, if it has one. Nothing here can keep a pod from starting.
package struct ClusterConnection: Sendable {
    /// The longest time for the withdrawal of the node's resource at an orderly end.
    package static let withdrawalTime = Duration.seconds(10)
    /// The longest time for the cluster's identity at the start.
    private static let identityTime = Duration.seconds(10)

    /// What works and what is missing.
    package let features: ClusterFeatures
    private let client: KubernetesClient?
    private let sender: HTTPClient?
    private let advertiser: NodeAdvertiser?
    /// Shows the pods' lives at the API server; nil without a cluster.
    package let observer: ClusterObserver?
    /// Reads the pods' details; nil without a cluster.
    package let details: PodDetailsReader?
    private let loop: EpollLoop
    private let logger: Logger

    /// The connection of this pod; without a cluster it does nothing. Nothing is sent yet.
    package static func open(
        _ settings: ClusterSettings, _ environment: [String: String], on loop: EpollLoop, logger: Logger,
        metrics: Metrics
    ) -> ClusterConnection {
        let features = ClusterFeatures(logger: logger, metrics: metrics)
        func none(_ reason: String) -> ClusterConnection {
            logger.info("No API server of Kubernetes is used", [LogField("reason", reason)])
            return ClusterConnection(
                features: features, client: nil, sender: nil, advertiser: nil, observer: nil, details: nil, loop: loop,
                logger: logger)
        }
        guard settings.usesAPIServer else { return none("-kubernetes is false") }
        let access: ClusterAccess
        do throws(ClusterAccess.Missing) {
            access = try ClusterAccess(
                environment: environment, directory: settings.serviceAccountDirectory)
        } catch {
            return none(error.description)
        }
        guard let sender = try? HTTPClient(access.clientOptions(environment), on: loop, logger: logger) else {
            return none("descriptors have run out")
        }
        let clock = LoopClock(loop: loop)
        let client = KubernetesClient(access, sender: sender, clock: clock, logger: logger, metrics: metrics)
        logger.info("Using the API server of Kubernetes", [LogField("server", access.endpoint)])
        let claims = client.claims
        let owner = settings.podUID.isEmpty ? claims?.podUID ?? "" : settings.podUID
        let node = settings.nodeName.isEmpty ? claims?.nodeName ?? settings.effectiveNodeName : settings.nodeName
        var advertiser: NodeAdvertiser?
        if settings.podLimit < 0 {
            logger.info("-peerpods-limit-per-node is negative: the node's resources stay as they are")
        } else if owner.isEmpty {
            logger.warning("The UID of this adaptor's pod is not known; set POD_UID. The node advertises no pod VMs")
        } else {
            advertiser = NodeAdvertiser(
                client, node: node, owner: owner, limit: settings.podLimit, features: features, clock: clock,
                logger: logger)
        }
        let identities = PodIdentities(client)
        let observer = ClusterObserver(
            events: EventReporter(
                client, identities, node: node, features: features, clock: clock, logger: logger, metrics: metrics),
            peerPods: PeerPodKeeper(
                client, identities, cloudProvider: "azure", features: features, clock: clock, logger: logger))
        let details = PodDetailsReader(
            client, identities, node: node, options: settings.podDetails, features: features, clock: clock)
        return ClusterConnection(
            features: features, client: client, sender: sender, advertiser: advertiser, observer: observer,
            details: details, loop: loop, logger: logger)
    }

    /// Runs the connection while `body` runs.
    package func running<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        guard let sender else { return try await body() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await run(sender) }
            group.addTask { await advertiser?.run() }
            group.addTask { await observer?.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    private func run(_ sender: HTTPClient) async {
        do {
            try await sender.run()
        } catch {
            if Task.isCancelled || error is CancellationError { return }
            logger.error("The API server is not used any longer", [LogField("error", error)])
        }
    }

    /// The UID of the namespace kube-system; nil if it cannot be read within a limited time.
    private func clusterUID() async -> String? {
        guard let client else { return nil }
        do {
            let uid = try await withDeadline(.now.advanced(by: Self.identityTime), on: loop) {
                let namespace = try await client.get(ObjectName(.namespaces, "kube-system"))
                return try ObjectMetadata(of: namespace).uid
            }
            guard ClusterIdentity.isValid(uid) else {
                throw KubernetesError(.malformed, "get Namespace kube-system", "the UID is missing or not printable")
            }
            features.succeeded(.clusterIdentity)
            return uid
        } catch {
            let failure =
                error as? KubernetesError
                ?? KubernetesError(.unreachable, "get Namespace kube-system", "\(error)")
            features.failed(.clusterIdentity, failure)
            return nil
        }
    }

    /// The identity for the tags of this node's VMs, which is recorded before the first VM can have it. A configured
    /// identity is used as it is.
    ///
    /// - Throws: `ConfigurationError` when there is no identity at all.
    package func identity(
        configured: ClusterIdentity?, recordedIn podsDirectory: String
    ) async throws -> ClusterIdentity {
        if let configured { return configured }
        let record = ClusterIdentityRecord(podsDirectory: podsDirectory)
        let found = await clusterUID().map { ClusterIdentity($0, from: .kubeSystem) }
        let (identity, other) = try record.choice(found: found) { try ClusterIdentity(configured: "") }
        if let other {
            logger.warning(
                """
                Sandboxes exist under another identity of the cluster, which stays in use until an adaptor starts \
                without sandboxes
                """, [LogField("used", identity.value), LogField("found", other.value)])
        }
        if record.identity == identity { return identity }
        do {
            try record.write(identity)
        } catch {
            logger.warning(
                "The cluster's identity could not be recorded; if the next start finds another one, it does not find "
                    + "the VMs of this one", [LogField("error", error)])
        }
        return identity
    }

    /// Says that this adaptor serves the node from now on.
    package func serve(standbyWaits: @escaping @Sendable () -> Bool) { advertiser?.serve(standbyWaits: standbyWaits) }

    /// Withdraws the node's resource, if this adaptor owns the Node.
    package func withdraw() async {
        guard let advertiser else { return }
        do {
            try await withDeadline(.now.advanced(by: Self.withdrawalTime), on: loop) { try await advertiser.withdraw() }
        } catch {
            logger.warning("The API server did not answer in time; the node still advertises its pod VMs")
        }
    }
}
