/// A VM, or a resource of a VM, that no sandbox owns.
public struct CloudOrphan: Hashable, Sendable {
    /// The cloud's object.
    public enum Resource: Hashable, Sendable {
        /// A VM, and the sandbox that it was created for.
        case vm(ListedInstance, SandboxID)
        /// An interface, a disk or an address without a VM.
        case leftover(Leftover)
    }

    /// The cloud's object.
    public let resource: Resource
    /// The time of its creation, in seconds since 1970: the cloud's, or else that of its tags; nil if neither is known.
    public let created: Int64?
    /// Why it is an orphan, as a sentence without a period.
    public let reason: String
    /// Why it must stay for now, as a sentence without a period; nil if it can be deleted.
    public let obstacle: String?

    /// `VM`, `network interface`, `disk` or `public address`.
    public var kind: String {
        switch resource {
        case .vm: "VM"
        case .leftover(let leftover): leftover.kind.rawValue
        }
    }

    /// The cloud's name for it.
    public var name: String {
        switch resource {
        case .vm(let vm, _): vm.id.rawValue
        case .leftover(let leftover): leftover.name
        }
    }

    /// The VM's tags: see ``InstanceTags``.
    public var tags: [String: String] {
        switch resource {
        case .vm(let vm, _): vm.tags
        case .leftover(let leftover): leftover.tags
        }
    }

    /// The cloud's name of a VM's size.
    public var size: String? { if case .vm(let vm, _) = resource { vm.size } else { nil } }
}

/// The nodes whose orphans an operator asks for.
public enum OrphanNodes: Equatable, Sendable {
    /// This node.
    case own
    /// The nodes with these names. The operator says that the adaptors of all of them but this one never come back.
    case named(Set<String>)
    /// All nodes of the cluster. The operator says that the adaptors of all but this one never come back.
    case all

    func include(_ node: String, own: String) -> Bool {
        switch self {
        case .own: node == own
        case .named(let nodes): nodes.contains(node)
        case .all: true
        }
    }
}

/// Finds orphans in the cloud's lists. A value: its input is lists and the time, its output is the orphans.
struct OrphanSearch {
    let owner: VMOwner
    /// The sandboxes of this node, which own their VMs and resources.
    let owned: Set<SandboxID>
    let graceTime: Duration
    /// Seconds since 1970.
    let now: Int64

    /// An object of the cloud with the tags of this cluster.
    private struct Candidate {
        let resource: CloudOrphan.Resource
        let node: String
        let sandbox: SandboxID
        let created: Int64?
    }

    /// The orphans of `nodes`: VMs first, in the order of the lists.
    ///
    /// An orphan of this node stays while it is younger than the grace time. Only their age distinguishes the objects of
    /// another node that has gone from those of one that lives: all objects of a node stay when one of its VMs is
    /// younger than the grace time, or has an unknown age.
    func orphans(_ vms: [ListedInstance], _ leftovers: [Leftover], of nodes: OrphanNodes) -> [CloudOrphan] {
        let machines = vms.compactMap { vm in
            candidate(vm.tags, vm.created, nodes) { .vm(vm, $0) }
        }
        let others = leftovers.compactMap { leftover in
            candidate(leftover.tags, leftover.created, nodes) { _ in .leftover(leftover) }
        }
        let living = Set(machines.filter { $0.node != owner.node && isYoung($0.created) }.map(\.node))
        return (machines + others).compactMap { orphan($0, living) }
    }

    /// Nil for an object of another cluster, of a node that is not asked for, or without a valid sandbox.
    private func candidate(
        _ tags: [String: String], _ created: Int64?, _ nodes: OrphanNodes,
        _ resource: (SandboxID) -> CloudOrphan.Resource
    ) -> Candidate? {
        guard owner.isNamed, tags[InstanceTags.cluster] == owner.cluster, let node = tags[InstanceTags.node],
            !node.isEmpty, nodes.include(node, own: owner.node),
            let sandbox = tags[InstanceTags.sandbox].flatMap({ try? SandboxID(validating: $0) })
        else { return nil }
        return Candidate(
            resource: resource(sandbox), node: node, sandbox: sandbox,
            created: created ?? tags[InstanceTags.created].flatMap { Int64($0) })
    }

    private func orphan(_ candidate: Candidate, _ living: Set<String>) -> CloudOrphan? {
        func orphan(_ reason: String, _ obstacle: String?) -> CloudOrphan {
            CloudOrphan(resource: candidate.resource, created: candidate.created, reason: reason, obstacle: obstacle)
        }
        if candidate.node == owner.node {
            guard !owned.contains(candidate.sandbox) else { return nil }
            let reason = "no sandbox on this node's record owns it"
            return orphan(reason, isYoung(candidate.created) ? "it is younger than the grace time" : nil)
        }
        let reason = "its node \(candidate.node) never comes back, as the command says"
        if living.contains(candidate.node) {
            return orphan(reason, "its node has a VM that is younger than the grace time, so the node is alive")
        }
        return orphan(reason, isYoung(candidate.created) ? "it is younger than the grace time" : nil)
    }

    /// Whether it is younger than the grace time, or has an unknown age, or comes from the future.
    private func isYoung(_ created: Int64?) -> Bool {
        guard let created else { return true }
        let (age, overflows) = now.subtractingReportingOverflow(created)
        return overflows || age < graceTime.components.seconds
    }
}
