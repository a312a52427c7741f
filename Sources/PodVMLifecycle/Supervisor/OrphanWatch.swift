/// The VMs of this node that no sandbox owns, and since when each was seen like that.
///
/// A value: the cloud's list and the time go in, what is new and what is to be deleted come out. How old a VM is, is told
/// by this process's own clock alone: a VM has to be seen without an owner twice, a grace time apart. The created tag may be
/// missing, wrong or in the future, and can neither shorten nor prolong that.
struct OrphanWatch {
    /// A VM that no sandbox owns, and the sandbox that it was made for.
    struct Orphan: Equatable {
        let vm: ListedInstance
        let sandbox: SandboxID
    }

    /// What one look at the cloud's list has shown.
    struct Findings: Equatable {
        /// Orphans that were not seen before.
        var new: [Orphan] = []
        /// Orphans that were seen before, for the grace time. Each is named once, until ``forget(_:)``.
        var due: [Orphan] = []
    }

    private struct Observation {
        let identity: [String?]
        let since: ContinuousClock.Instant
        var isDue = false
    }

    let owner: VMOwner
    let graceTime: Duration
    private var observations: [InstanceID: Observation] = [:]

    init(owner: VMOwner, graceTime: Duration) {
        self.owner = owner
        self.graceTime = graceTime
    }

    /// Compares the cloud's list with the sandboxes that are `owned`.
    ///
    /// A VM that was not listed this time, has an owner, or has other identifying tags than before, counts as new the next
    /// time that it is seen without one.
    mutating func look(at listed: [ListedInstance], owned: Set<SandboxID>, now: ContinuousClock.Instant) -> Findings {
        var findings = Findings()
        // What is being deleted stays known until that is done, listed or not.
        var present = observations.filter { $0.value.isDue }
        for vm in listed where present[vm.id] == nil {
            guard let sandbox = owner.sandbox(of: vm), !owned.contains(sandbox) else { continue }
            let orphan = Orphan(vm: vm, sandbox: sandbox)
            let identity = Self.identity(of: vm)
            var observation = Observation(identity: identity, since: now)
            if let earlier = observations[vm.id], earlier.identity == identity {
                observation = earlier
                observation.isDue = earlier.since.duration(to: now) >= graceTime
                if observation.isDue { findings.due.append(orphan) }
            } else {
                findings.new.append(orphan)
            }
            present[vm.id] = observation
        }
        observations = present
        return findings
    }

    /// Forgets a VM whose deletion has ended.
    mutating func forget(_ vm: InstanceID) { observations[vm] = nil }

    /// What tells a VM from another one that had its name before.
    private static func identity(of vm: ListedInstance) -> [String?] {
        [InstanceTags.cluster, InstanceTags.node, InstanceTags.sandbox, InstanceTags.created].map { vm.tags[$0] }
    }
}
