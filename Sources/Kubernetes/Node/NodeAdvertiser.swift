internal import JSON
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Advertises to the scheduler how many pod VMs this node may have, and keeps that true.
///
/// Annotation and capacity go in one merge patch of `nodes/status`. The Node is watched: a kubelet that registers it as a
/// new object removes both. At an orderly end the capacity is withdrawn, unless another adaptor owns the Node. A standby
/// writes the Node, too, so that the adaptor before it leaves the capacity; if the standby ends first, that adaptor takes
/// the Node back.
package final class NodeAdvertiser: Sendable {
    /// The least time between two writes, so that two writers of the Node do not write in a loop.
    private static let pause = Duration.seconds(2)
    /// The time between two looks for a standby, and the number of looks until the first one.
    private static let standbyPause = Duration.seconds(1), standbyPatience = 60

    private let client: KubernetesClient
    private let node: ObjectName
    private let features: ClusterFeatures
    private let clock: any LifecycleClock
    private let logger: Logger
    private let state: Lock<NodeAdvertisement>
    private let lastWrite = Lock<ContinuousClock.Instant?>(nil)
    /// One write at a time, so that the withdrawal is the last to reach the server.
    private let writing = AsyncSemaphore(1)
    /// Says whether a standby of this adaptor waits; nil while this adaptor does not serve.
    private let standby = Lock<(@Sendable () -> Bool)?>(nil)
    /// The pause after the first write that failed, and the longest pause.
    private static let retryPauses = (first: Duration.seconds(1), longest: Duration.seconds(60))
    private let failuresInRow = Lock(0)
    /// Gets an element when a write has failed.
    private let failures: AsyncStream<KubernetesError>, failing: AsyncStream<KubernetesError>.Continuation
    /// Gets an element when another adaptor may own the Node.
    private let yields: AsyncStream<Void>, yielding: AsyncStream<Void>.Continuation

    /// An advertiser for the node of that name. It does nothing before ``run()``.
    package init(
        _ client: KubernetesClient, node: String, owner: String, limit: Int, features: ClusterFeatures,
        clock: any LifecycleClock, logger: Logger = .silent
    ) {
        self.client = client
        self.node = ObjectName(.nodes, node)
        self.features = features
        self.clock = clock
        self.logger = logger
        state = Lock(NodeAdvertisement(owner: owner, limit: limit))
        (yields, yielding) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (failures, failing) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that this adaptor serves the node from now on; until then it is a standby, or starts.
    ///
    /// - Parameter standbyWaits: whether another adaptor waits for this one's end.
    package func serve(standbyWaits: @escaping @Sendable () -> Bool) {
        standby.withLock { $0 = standbyWaits }
        yielding.yield()
    }

    /// Advertises, and again whenever the Node lacks it, until cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.follow() }
            group.addTask { await self.takeBack() }
            group.addTask { await self.repeatFailedWrites() }
            await group.waitForAll()
        }
    }

    private func follow() async {
        // Needs only the right to patch; the watch needs more.
        await advertise()
        await client.follow(ObjectSelection(node)) { event in
            switch event {
            case .listed(let objects): await self.look(at: objects.first)
            case .changed(.added(let object)), .changed(.modified(let object)): await self.look(at: object)
            case .changed: break
            case .failed(let error): await self.lookWithoutWatch(after: error)
            }
        }
    }

    /// Withdraws the capacity if this adaptor owns the Node; for an orderly end. The capacity is not advertised again.
    ///
    /// - Throws: `CancellationError` if cancelled while another write is in progress.
    package func withdraw() async throws {
        // The watch reports the withdrawal itself as a change, which must not be repaired.
        state.withLock { $0.withdrawn() }
        try await writing.withPermit {
            // After a write in progress, which may take the Node back from a standby.
            let standbyWaits = standby.withLock { $0 }?() ?? false
            await removeCapacity(of: state.withLock { $0.ownerToWithdraw(standbyWaits: standbyWaits) })
        }
    }

    private func removeCapacity(of owner: String) async {
        let annotation = "/metadata/annotations/" + Self.pointer(NodeAdvertisement.ownerAnnotation)
        do throws(KubernetesError) {
            try await client.jsonPatch(
                // An API server closes idle connections, so the first try often gets no answer.
                node, subresource: "status", mayRepeat: true,
                [
                    ["op": "test", "path": .string(annotation), "value": .string(owner)],
                    ["op": "remove", "path": .string("/status/capacity/" + Self.pointer(NodeAdvertisement.resource))],
                ])
            logger.info("The node advertises no pod VMs any longer", [LogField("node", node.name)])
        } catch {
            // The server does not say which operation was not possible.
            guard error.kind == .invalid || error.kind == .notFound else {
                return logger.warning(
                    "Could not withdraw the node's pod VMs; the scheduler still counts on them",
                    [LogField("error", error)])
            }
            logger.info(
                "Another adaptor owns the node, or its pod VMs were withdrawn already", [LogField("node", node.name)])
        }
    }

    private func look(at object: JSONObject?) async {
        // An object that cannot be read tells nothing; the next change does.
        let node = object.flatMap { try? ClusterNode($0) }
        if object != nil, node == nil { return }
        switch state.withLock({ $0.step(for: node) }) {
        case .advertise: await advertise()
        case .rest:
            failuresInRow.withLock { $0 = 0 }
            features.succeeded(.nodeResource)
        case .yield:
            failuresInRow.withLock { $0 = 0 }
            logger.debug("Another adaptor owns the node")
            yielding.yield()
        case .leave: break
        case .wait: logger.warning("The node does not exist at the API server", [LogField("node", self.node.name)])
        }
    }

    /// Takes the Node back from standbys that have ended, until cancelled.
    private func takeBack() async {
        var hasServed = false
        for await _ in yields {
            guard let standbyWaits = standby.withLock({ $0 }) else { continue }
            if !hasServed {
                hasServed = true
                await readOwner()
                if state.withLock({ $0.stepWhenServing }) == .advertise { await advertise() }
            }
            await takeBack(whileNot: standbyWaits)
        }
    }

    /// Reads who owns the Node now, because the watch may not have reported the last standby yet. Without the right to
    /// get the Node, the watch decides.
    private func readOwner() async {
        guard let object = try? await client.get(node), let node = try? ClusterNode(object) else { return }
        _ = state.withLock { $0.step(for: node) }
    }

    private func takeBack(whileNot standbyWaits: () -> Bool) async {
        var (patience, isKnown) = (Self.standbyPatience, false)
        while patience > 0 {
            let waits = standbyWaits()
            if !waits { patience -= 1 }
            switch state.withLock({ $0.step(standbyWaits: waits) }) {
            case .advertise:
                logger.info(
                    "The standby that owned the node has ended; taking the node back", [LogField("node", node.name)])
                return await advertise()
            case .rest, .wait, .leave: return
            case .yield where waits && !isKnown:
                isKnown = true
                logger.info(
                    "The standby owns the node; it is taken back if the standby ends",
                    [LogField("node", node.name), LogField("owner", state.withLock { $0.other } ?? "")])
            case .yield: break
            }
            do { try await clock.sleep(for: Self.standbyPause) } catch { return }
        }
    }

    /// Repeats writes that have failed, with back-off, until cancelled: the watch may work again without any change of the Node.
    private func repeatFailedWrites() async {
        for await error in failures {
            let doublings = min(failuresInRow.withLock { $0 } - 1, 6)
            let pause = min(Self.retryPauses.first * (1 << max(0, doublings)), Self.retryPauses.longest)
            do { try await clock.sleep(for: pause / 2 + pause / 2 * clock.random()) } catch { return }
            // Meanwhile another adaptor may own the Node, so it is read first, except for the first claim.
            if state.withLock({ $0.hasNoClaim }) { await advertise() } else { await lookWithoutWatch(after: error) }
        }
    }

    /// Without the right to watch, the node is read at each try of the watch; that needs the right to get it.
    private func lookWithoutWatch(after error: KubernetesError) async {
        do throws(KubernetesError) {
            await look(at: try await client.get(node))
        } catch let second {
            features.failed(.nodeResource, second.kind == .notFound ? second : error)
            if failuresInRow.withLock({ $0 }) > 0 { noteFailure(second) }
        }
    }

    private func advertise() async {
        do {
            try await waitSinceLastWrite()
            try await writing.withPermit { await writeCapacity() }
        } catch {
            // Cancelled.
        }
    }

    private func writeCapacity() async {
        if state.withLock({ $0.isWithdrawn }) { return }
        let (owner, limit) = state.withLock { ($0.owner, $0.limit) }
        do throws(KubernetesError) {
            try await client.mergePatch(
                node, subresource: "status",
                [
                    "metadata": ["annotations": [NodeAdvertisement.ownerAnnotation: .string(owner)]],
                    "status": ["capacity": [NodeAdvertisement.resource: .string(String(limit))]],
                ])
            state.withLock { $0.claimed() }
            failuresInRow.withLock { $0 = 0 }
            features.succeeded(.nodeResource)
            logger.info("The node advertises pod VMs", [LogField("node", node.name), LogField("limit", limit)])
        } catch {
            features.failed(.nodeResource, error)
            noteFailure(error)
        }
    }

    private func noteFailure(_ error: KubernetesError) {
        if error.kind == .cancelled { return }
        failuresInRow.withLock { $0 += 1 }
        failing.yield(error)
    }

    private func waitSinceLastWrite() async throws {
        let now = clock.now
        let last = lastWrite.withLock { last in
            defer { last = now }
            return last
        }
        guard let last, last.duration(to: now) < Self.pause else { return }
        try await clock.sleep(for: Self.pause)
    }

    /// A key as a part of a JSON pointer.
    private static func pointer(_ key: String) -> String {
        String(key.flatMap { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) })
    }
}
