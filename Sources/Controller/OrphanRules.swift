package import PodVMLifecycle

/// Which objects of the cloud, and which PeerPods, are orphans now. A value: its input is lists, its output is orphans.
///
/// Nothing of another cluster is ever an orphan: only the tags of this cluster, or a PeerPod of this cluster, make a VM ours.
package struct OrphanRules: Sendable {
    private let cluster: String
    private let cloudProvider: String

    /// The rules for the cluster with this identity; an empty one matches nothing.
    package init(cluster: String, cloudProvider: String = "azure") {
        self.cluster = cluster
        self.cloudProvider = cloudProvider
    }

    /// The orphans among these objects. The cluster's lists must have been read after those of the cloud.
    package func orphans(
        vms: [ListedInstance], leftovers: [Leftover], in snapshot: ClusterSnapshot
    ) -> [Orphan] {
        guard !cluster.isEmpty else { return [] }
        let index = Index(snapshot)
        let byName = Dictionary(vms.map { ($0.id.rawValue.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
        let machines = vms.compactMap { vm in orphan(.vm(vm), vm.tags, vm.created, index) }
        let others = leftovers.compactMap { orphan(.leftover($0), $0.tags, $0.created, index) }
        let peerPods = snapshot.peerPods.compactMap { peerPod in
            orphan(peerPod, byName[peerPod.instanceName.lowercased()], index)
        }
        return machines + others + peerPods
    }

    /// The snapshot, for many questions.
    private struct Index {
        let snapshot: ClusterSnapshot
        let uids: Set<String>
        let pods: [String: [ClusterSnapshot.Pod]]

        init(_ snapshot: ClusterSnapshot) {
            self.snapshot = snapshot
            uids = Set(snapshot.pods.map(\.uid))
            pods = Dictionary(grouping: snapshot.pods) { "\($0.namespace)/\($0.name)" }
        }
    }

    /// A VM, or a resource of a VM, with tags.
    private func orphan(
        _ subject: Orphan.Subject, _ tags: [String: String], _ created: Int64?, _ index: Index
    ) -> Orphan? {
        let node = tags[InstanceTags.node] ?? ""
        guard tags[InstanceTags.cluster] == cluster, !node.isEmpty,
            let sandbox = tags[InstanceTags.sandbox], (try? SandboxID(validating: sandbox)) != nil
        else { return nil }
        let namespace = tags[InstanceTags.namespace] ?? ""
        let pod = tags[InstanceTags.pod] ?? ""
        let time = created ?? tags[InstanceTags.created].flatMap { Int64($0) }
        func orphan(_ reason: Orphan.Reason, _ absent: ClusterObject, _ obstacle: String? = nil) -> Orphan {
            Orphan(
                subject: subject, reason: reason, node: node, namespace: namespace, pod: pod, created: time,
                absent: [absent], obstacle: obstacle)
        }
        if !index.snapshot.nodes.contains(node) {
            return orphan(.nodeGone, .node(node), Self.use(by: index.pods["\(namespace)/\(pod)"] ?? [], node, time))
        }
        guard !namespace.isEmpty, !index.snapshot.namespaces.contains(namespace) else { return nil }
        return orphan(.namespaceGone, .namespace(namespace))
    }

    /// Why a pod of the same name may still use a VM of a node that does not exist, as a sentence without a period; nil if none does.
    ///
    /// A new pod of the name, such as one of a StatefulSet, was created after the VM. A pod that is older may run on this VM: the Node
    /// object was deleted, or the adaptor has another name for its node (`-node-name`) than the cluster.
    private static func use(by pods: [ClusterSnapshot.Pod], _ node: String, _ created: Int64?) -> String? {
        for pod in pods {
            let name = "its pod \(pod.namespace)/\(pod.name)"
            if pod.node == node { return "\(name) still exists at the API server and is bound to that node" }
            if pod.mayHaveExisted(at: created) { return "\(name) still exists, and was created before it" }
        }
        return nil
    }

    /// A PeerPod whose pod is gone.
    private func orphan(_ peerPod: PeerPodEntry, _ vm: ListedInstance?, _ index: Index) -> Orphan? {
        guard peerPod.cloudProvider == cloudProvider, peerPod.hasFinalizer else { return nil }
        guard let owner = peerPod.owner, !owner.uid.isEmpty else {
            return orphan(
                peerPod, vm, absent: [], "it names no pod as its owner, so it is not known whether its VM is used")
        }
        guard !index.uids.contains(owner.uid) else { return nil }
        let pod = ClusterObject.pod(namespace: peerPod.namespace, name: owner.name, uid: owner.uid)
        return orphan(peerPod, vm, absent: [pod], vm.flatMap { fault(of: $0, for: peerPod) })
    }

    private func orphan(
        _ peerPod: PeerPodEntry, _ vm: ListedInstance?, absent: [ClusterObject], _ obstacle: String?
    ) -> Orphan {
        Orphan(
            subject: .peerPod(peerPod, vm), reason: .podGone, node: vm?.tags[InstanceTags.node] ?? "",
            namespace: peerPod.namespace, pod: peerPod.owner?.name ?? "",
            created: vm.flatMap { $0.created ?? $0.tags[InstanceTags.created].flatMap { Int64($0) } }, absent: absent,
            obstacle: obstacle)
    }

    /// Why a PeerPod gives no right to delete this VM, as a sentence without a period; nil if it does.
    ///
    /// Who may create PeerPods in a namespace must not be able to delete the VMs of others. A VM of this project's adaptor
    /// has tags that name its cluster, namespace and pod. A VM of upstream's adaptor has none; only its name shows its pod.
    package func fault(of vm: ListedInstance, for peerPod: PeerPodEntry) -> String? {
        guard let owner = peerPod.owner else { return "the PeerPod names no pod" }
        guard VMName.mayBelong(vm.id, toPod: owner.name) else {
            return "the VM \(vm.id) that it names is not called like a VM of the pod \(owner.name)"
        }
        let expected = [
            (InstanceTags.cluster, cluster), (InstanceTags.namespace, peerPod.namespace),
            (InstanceTags.pod, owner.name),
        ]
        for (tag, value) in expected {
            if let actual = vm.tags[tag], actual != value {
                return "the tag \(tag) of the VM \(vm.id) that it names is \"\(actual)\", and not \"\(value)\""
            }
        }
        return nil
    }
}
