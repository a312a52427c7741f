internal import JSON
package import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Runs work on one replica at a time, by a Lease of `coordination.k8s.io/v1`.
///
/// Concurrency: one candidate, behind a lock. ``mayLead`` may be asked from any task.
package final class LeaderElection: Sendable {
    private let client: KubernetesClient
    private let lease: ObjectName
    private let timing: LeaseCandidate.Timing
    private let clock: any LifecycleClock
    private let logger: Logger
    private let isLeading: Gauge
    private let candidate: Lock<LeaseCandidate>
    /// The version of the Lease that was seen last.
    private let version = Lock("")

    /// An election for the Lease of that name. `identity` is unique to this process.
    ///
    /// The client's limits must be shorter than the renewal deadline: see ``limits(for:)``.
    package init(
        _ client: KubernetesClient, lease: String, in namespace: String, identity: String,
        timing: LeaseCandidate.Timing = .init(), clock: any LifecycleClock, logger: Logger = .silent,
        metrics: Metrics = Metrics()
    ) {
        self.client = client
        self.lease = ObjectName(.leases, lease, in: namespace)
        self.timing = timing
        self.clock = clock
        self.logger = logger
        isLeading = metrics.gauge(
            "peerpods_controller_leader", "Whether this replica leads: 1 on one replica, 0 on the others.")
        isLeading.set(0)
        candidate = Lock(LeaseCandidate(identity: identity, timing: timing))
    }

    /// The limits of a client for an election: no call outlasts the time in which the Lease has to be renewed.
    package static func limits(for timing: LeaseCandidate.Timing) -> KubernetesClient.Limits {
        var limits = KubernetesClient.Limits()
        limits.call = timing.renewDeadline
        limits.request = timing.renewDeadline / 2
        return limits
    }

    /// Whether this process may act as the leader at this moment. Ask before each effect.
    package var mayLead: Bool { candidate.withLock { $0.mayLead(at: clock.now) } }

    /// The identity of the leader, as this process saw it last; empty if there is none.
    package var leader: String { candidate.withLock { $0.leader } }

    /// Leads as often as the Lease permits, until `stop`; then releases the Lease, so that another replica can lead at once.
    ///
    /// `lead` is cancelled when the Lease is lost. The next try begins after it has ended.
    package func run(until stop: Event, _ lead: @escaping @Sendable () async -> Void) async {
        while !Task.isCancelled, !stop.isSet {
            guard await acquire(until: stop) else { break }
            logger.info("This replica leads", [LogField("lease", lease)])
            isLeading.set(1)
            await leading(until: stop, lead)
            isLeading.set(0)
            if !stop.isSet, !Task.isCancelled {
                logger.warning("This replica has lost the Lease, and has stopped its work", [LogField("lease", lease)])
            }
        }
        await release()
    }

    /// Tries until this process leads. False if it has to stop.
    private func acquire(until stop: Event) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await self.attempt()
                    if self.mayLead { return true }
                    let pause = self.timing.retryPeriod * (1 + self.clock.random() * (LeaseCandidate.jitter - 1))
                    do { try await self.clock.sleep(for: pause) } catch { return false }
                }
                return false
            }
            group.addTask {
                await stop.wait()
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    /// Runs `lead` while the Lease is held and renewed.
    private func leading(until stop: Event, _ lead: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await lead() }
            group.addTask { await self.renew() }
            group.addTask { await self.waitForExpiry() }
            group.addTask { await stop.wait() }
            await group.next()
            group.cancelAll()
            // The Lease is released only after `lead` has ended: no other replica begins before that.
            await group.waitForAll()
        }
    }

    /// Renews the Lease until another candidate has it.
    private func renew() async {
        while mayLead {
            do { try await clock.sleep(for: timing.retryPeriod) } catch { return }
            await attempt()
        }
    }

    /// Returns when the Lease has not been renewed in time.
    private func waitForExpiry() async {
        while let until = candidate.withLock({ $0.heldUntil }) {
            let left = clock.now.duration(to: until)
            guard left > .zero else { return }
            do { try await clock.sleep(for: left) } catch { return }
        }
    }

    /// Reads the Lease, and creates, takes or renews it if the rules permit that.
    private func attempt() async {
        do throws(KubernetesError) {
            let record = try await read()
            let sent = clock.now
            let decision = candidate.withLock { candidate in
                candidate.saw(record, at: sent)
                return candidate.decision(at: sent, time: time)
            }
            switch decision {
            case .wait: return
            case .create(let new):
                let object: JSONValue = [
                    "apiVersion": .string(lease.resource.apiVersion), "kind": "Lease",
                    "metadata": ["name": .string(lease.name)], "spec": new.spec,
                ]
                try note(try await client.create(object, of: .leases, in: lease.namespace))
                candidate.withLock { $0.wrote(new, sent: sent) }
            case .write(let new): try await write(new, sent: sent)
            }
        } catch {
            if Task.isCancelled || error.kind == .cancelled { return }
            // Another candidate was faster; the next try sees its write.
            let isRace = error.kind == .conflict || error.kind == .alreadyExists
            let fields = [LogField("lease", lease), LogField("error", error)]
            if isRace {
                logger.debug("Another replica changed the Lease at the same time", fields)
            } else {
                logger.warning("The Lease could not be read or written; trying again", fields)
            }
        }
    }

    /// The Lease as the server has it; nil if it does not exist.
    private func read() async throws(KubernetesError) -> LeaseRecord? {
        do throws(KubernetesError) {
            return try note(try await client.get(lease))
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }

    /// Replaces the Lease, if it is still the one that was seen last.
    private func write(_ record: LeaseRecord, sent: ContinuousClock.Instant) async throws(KubernetesError) {
        let patch: JSONValue = [
            "metadata": ["resourceVersion": .string(version.withLock { $0 })], "spec": record.spec,
        ]
        try note(try await client.mergePatch(lease, patch))
        candidate.withLock { $0.wrote(record, sent: sent) }
    }

    @discardableResult
    private func note(_ object: JSONObject) throws(KubernetesError) -> LeaseRecord {
        do throws(JSONError) {
            let metadata = try ObjectMetadata(of: object)
            let record = try LeaseRecord(object)
            version.withLock { $0 = metadata.resourceVersion }
            return record
        } catch {
            throw KubernetesError(.malformed, "read \(lease)", error.description)
        }
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    private func release() async {
        let record = candidate.withLock { $0.released(at: clock.now, time: time) }
        guard let record, !Task.isCancelled else { return }
        do throws(KubernetesError) {
            try await write(record, sent: clock.now)
            logger.info("The Lease is released", [LogField("lease", lease)])
        } catch {
            logger.warning(
                "The Lease could not be released; another replica takes it when its duration has passed",
                [LogField("lease", lease), LogField("error", error)])
        }
    }

    /// The wall clock in the form of a Lease.
    private var time: String {
        EventReporter.microTime(WallTime(millisecondsSinceEpoch: clock.millisecondsSince1970))
    }
}
