/// The resources of this node that no sandbox owns - VMs, or what VMs have left - and the time at which each was first
/// seen without an owner.
///
/// A value: its input is the cloud's list and the time, its output is the new orphans and those to delete. Only this
/// process's own clock determines a resource's age: it has to be seen without an owner twice, a grace time apart. The
/// created tag may be missing, wrong or in the future, and neither shortens nor prolongs that time.
struct OrphanWatch<Resource: TaggedResource> {
    /// A resource that no sandbox owns, and the sandbox for which it was created.
    struct Orphan: Equatable {
        let resource: Resource
        let sandbox: SandboxID
    }

    /// The result of one comparison.
    struct Findings: Equatable {
        /// Orphans that were not seen before.
        var new: [Orphan] = []
        /// Orphans that were first seen at least the grace time ago. Each is listed once, until ``forget(_:)``.
        var due: [Orphan] = []
    }

    private struct Observation {
        let identity: [String?]
        let since: ContinuousClock.Instant
        var isDue = false
    }

    let owner: VMOwner
    let graceTime: Duration
    private var observations: [Resource.ID: Observation] = [:]

    init(owner: VMOwner, graceTime: Duration) {
        self.owner = owner
        self.graceTime = graceTime
    }

    /// Compares the cloud's list with the sandboxes that are `owned`.
    ///
    /// A resource that was not listed this time, has an owner, or has other identifying tags than before, counts as new
    /// the next time that it is seen without an owner.
    mutating func look(at listed: [Resource], owned: Set<SandboxID>, now: ContinuousClock.Instant) -> Findings {
        var findings = Findings()
        // Resources that are being deleted stay in the table until their deletion has ended, listed or not.
        var present = observations.filter { $0.value.isDue }
        for resource in listed where present[resource.id] == nil {
            guard let sandbox = owner.sandbox(of: resource), !owned.contains(sandbox) else { continue }
            let orphan = Orphan(resource: resource, sandbox: sandbox)
            let identity = Self.identity(of: resource)
            var observation = Observation(identity: identity, since: now)
            if let earlier = observations[resource.id], earlier.identity == identity {
                observation = earlier
                observation.isDue = earlier.since.duration(to: now) >= graceTime
                if observation.isDue { findings.due.append(orphan) }
            } else {
                findings.new.append(orphan)
            }
            present[resource.id] = observation
        }
        observations = present
        return findings
    }

    /// Forgets a resource whose deletion has ended.
    mutating func forget(_ id: Resource.ID) { observations[id] = nil }

    /// The tags that distinguish a resource from an earlier one of the same name.
    private static func identity(of resource: Resource) -> [String?] {
        [InstanceTags.cluster, InstanceTags.node, InstanceTags.sandbox, InstanceTags.created].map { resource.tags[$0] }
    }
}
