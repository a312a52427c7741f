import Controller
import PodVMLifecycle

/// VMs, resources and PeerPods of a cluster with two living nodes.
enum Example {
    static let cluster = "c1"
    static let sandbox = "0123456789abcdef"
    static let rules = OrphanRules(cluster: cluster)

    static func tags(
        node: String = "node-1", namespace: String = "default", pod: String = "web", cluster: String = Self.cluster
    ) -> [String: String] {
        [
            InstanceTags.cluster: cluster, InstanceTags.node: node, InstanceTags.namespace: namespace,
            InstanceTags.pod: pod, InstanceTags.sandbox: sandbox, InstanceTags.created: "1767225000",
        ]
    }

    static func vm(
        _ name: String = "podvm-web-01234567", tags: [String: String] = tags(), vmID: String? = "id-1"
    ) -> ListedInstance {
        ListedInstance(
            id: InstanceID(rawValue: name), tags: tags, vmID: vmID, size: "Standard_DC2es_v6", created: 1_767_225_000)
    }

    static func disk(tags: [String: String] = tags()) -> Leftover {
        Leftover(kind: .disk, id: "/disks/d", name: "podvm-web-01234567-disk", tags: tags)
    }

    static func path(_ name: String) -> String {
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/\(name)"
    }

    static func peerPod(
        namespace: String = "default", owner: PeerPodEntry.Owner? = .init(name: "web", uid: "pod-1"),
        vm: String = "podvm-web-01234567", cloudProvider: String = "azure",
        finalizers: [String] = [PeerPodEntry.finalizer]
    ) -> PeerPodEntry {
        PeerPodEntry(
            namespace: namespace, name: "web-resource-abcde", uid: "peerpod-1", owner: owner,
            cloudProvider: cloudProvider, instancePath: path(vm), finalizers: finalizers)
    }

    static let controller = ClusterSnapshot.Pod(
        namespace: "peerpods", name: "controller-1", uid: "controller", node: "node-1", created: "2026-01-01T00:00:00Z")
    /// It is newer than the VMs here, so that a VM of another node is not its own.
    static let web = ClusterSnapshot.Pod(
        namespace: "default", name: "web", uid: "pod-1", node: "node-1", created: "2026-01-01T00:00:00Z")
    static let own = OwnPlace(node: "node-1", namespace: "peerpods", podUID: "controller")

    static func snapshot(
        nodes: Set<String> = ["node-1", "node-2"], namespaces: Set<String> = ["kube-system", "peerpods", "default"],
        pods: [ClusterSnapshot.Pod] = [controller, web], peerPods: [PeerPodEntry] = []
    ) -> ClusterSnapshot {
        ClusterSnapshot(nodes: nodes, namespaces: namespaces, pods: pods, peerPods: peerPods)
    }
}
