internal import PodVMLifecycle

/// Something in the cloud, or a PeerPod, whose reason to exist is gone.
package struct Orphan: Equatable, Sendable {
    /// What became unnecessary.
    enum Subject: Hashable, Sendable {
        /// A VM with this cluster's tags.
        case vm(ListedInstance)
        /// An interface, a disk or a public address with this cluster's tags and without a VM.
        case leftover(Leftover)
        /// A PeerPod, and its VM if the cloud lists it.
        case peerPod(PeerPodEntry, ListedInstance?)
    }

    /// Why it is not needed any longer. The raw value is a label of the metrics.
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The node whose adaptor created it does not exist.
        case nodeGone = "node-gone"
        /// Its pod's namespace does not exist.
        case namespaceGone = "namespace-gone"
        /// Its pod does not exist.
        case podGone = "pod-gone"
    }

    /// What it is.
    let subject: Subject
    /// Why it is an orphan.
    package let reason: Reason
    /// Its node, as its tags say; empty if they do not.
    package let node: String
    /// The namespace of its pod; empty if it is not known.
    package let namespace: String
    /// The name of its pod; empty if it is not known.
    package let pod: String
    /// The time of its creation, in seconds since 1970; nil if it is not known.
    package let created: Int64?
    /// The objects whose absence makes it an orphan. Each is asked for once more before anything is deleted.
    package let absent: [ClusterObject]
    /// Why it must stay for now, as a sentence without a period; nil if it may be deleted after the grace time.
    package let obstacle: String?

    /// Identifies it between two sightings: another VM of the same name is another orphan.
    package var key: String {
        switch subject {
        case .vm(let vm):
            let tags = [InstanceTags.node, InstanceTags.sandbox, InstanceTags.created].map { vm.tags[$0] ?? "" }
            return (["vm", vm.id.rawValue, vm.vmID ?? ""] + tags).joined(separator: "\n")
        case .leftover(let leftover):
            let tags = [InstanceTags.node, InstanceTags.sandbox, InstanceTags.created].map { leftover.tags[$0] ?? "" }
            return (["leftover", leftover.id] + tags).joined(separator: "\n")
        case .peerPod(let peerPod, _): return "peerpod\n\(peerPod.uid)\n\(peerPod.instancePath)"
        }
    }

    /// `VM`, `network interface`, `disk`, `public address` or `PeerPod`.
    package var kind: String {
        switch subject {
        case .vm: Self.vmKind
        case .leftover(let leftover): leftover.kind.rawValue
        case .peerPod: Self.peerPodKind
        }
    }

    /// The name in the cloud, or the PeerPod's name.
    package var name: String {
        switch subject {
        case .vm(let vm): vm.id.rawValue
        case .leftover(let leftover): leftover.name
        case .peerPod(let peerPod, _): peerPod.name
        }
    }

    /// The name of the VM that it is, or that it stands for; nil for a resource without a VM.
    package var vm: String? {
        switch subject {
        case .vm(let vm): vm.id.rawValue
        case .leftover: nil
        case .peerPod(let peerPod, _): peerPod.instanceName
        }
    }

    /// The cloud's name of the VM's size, by which its price can be found.
    package var size: String? {
        switch subject {
        case .vm(let vm): vm.size
        case .leftover: nil
        case .peerPod(_, let vm): vm?.size
        }
    }

    static let vmKind = "VM"
    static let peerPodKind = "PeerPod"
    /// All values of ``kind``.
    static let kinds = [vmKind, peerPodKind] + Leftover.Kind.allCases.map(\.rawValue)

    /// The reason as a sentence without a period.
    var explanation: String {
        switch reason {
        case .nodeGone: "its node \(node) does not exist"
        case .namespaceGone: "the namespace \(namespace) of its pod does not exist"
        case .podGone: "its pod \(namespace)/\(pod) does not exist"
        }
    }
}
