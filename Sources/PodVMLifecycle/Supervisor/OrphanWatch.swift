/// The VMs of this node that no sandbox owns, and the time at which each was first seen without an owner.
///
/// A value: its input is the cloud's list and the time, its output is the new orphans and those to delete. Only this
/// process's own clock determines a VM's age: a VM has to be seen without an owner twice, a grace time apart. The
/// created tag may be missing, wrong or in the future, and neither shortens nor prolongs that time.
struct OrphanWatch {
    /// A VM that no sandbox owns, and the sandbox for which it was created.
    struct Orphan: Equatable {
        let vm: ListedInstance
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
    private var observations: [InstanceID: Observation] = [:]

    init(owner: VMOwner, graceTime: Duration) {
        self.owner = owner
        self.graceTime = graceTime
    }

    /// Compares the cloud's list with the sandboxes that are `owned`.
    ///
    /// A VM that was not listed this time, has an owner, or has other identifying tags than before, counts as new the
    /// next time that it is seen without an owner.
    mutating func look(at listed: [ListedInstance], owned: Set<SandboxID>, now: ContinuousClock.Instant) -> Findings {
        var findings = Findings()
        // VMs that are being deleted stay in the table until their deletion has ended, listed or not.
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

    /// The tags that distinguish a VM from an earlier VM of the same name.
    private static func identity(of vm: ListedInstance) -> [String?] {
        [InstanceTags.cluster, InstanceTags.node, InstanceTags.sandbox, InstanceTags.created].map { vm.tags[$0] }
    }
}
