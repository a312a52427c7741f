internal import Telemetry

/// The objects of the cluster, as complete lists that were read after the cloud's lists.
///
/// The order matters: a VM that the cloud lists was created after its node and its pod. So an object that a later list does not
/// have has been deleted, and is not merely new.
package struct ClusterSnapshot: Equatable, Sendable {
    /// The part of a Pod object that matters here.
    package struct Pod: Hashable, Sendable {
        /// The pod's namespace.
        package let namespace: String
        /// The pod's name.
        package let name: String
        /// The id that no other pod ever has.
        package let uid: String
        /// The node; nil before the scheduler has chosen one.
        package let node: String?
        /// The time of its creation, as the API server writes it: `2026-11-30T13:06:21Z`; empty if it is not known.
        package let created: String

        /// Names a pod.
        package init(namespace: String, name: String, uid: String, node: String?, created: String = "") {
            self.namespace = namespace
            self.name = name
            self.uid = uid
            self.node = node
            self.created = created
        }

        /// Whether the pod may have existed at this time, in seconds since 1970.
        func mayHaveExisted(at seconds: Int64?) -> Bool {
            guard let seconds, !created.isEmpty else { return true }
            // Both are in UTC and have the same form, so that their order as texts is that of the times.
            return created.prefix(19) <= "\(WallTime(secondsSinceEpoch: seconds))".prefix(19)
        }
    }

    /// The names of all nodes.
    package var nodes: Set<String>
    /// The names of all namespaces.
    package var namespaces: Set<String>
    /// All pods.
    package var pods: [Pod]
    /// All PeerPods.
    package var peerPods: [PeerPodEntry]

    /// A snapshot of these objects.
    package init(
        nodes: Set<String> = [], namespaces: Set<String> = [], pods: [Pod] = [], peerPods: [PeerPodEntry] = []
    ) {
        self.nodes = nodes
        self.namespaces = namespaces
        self.pods = pods
        self.peerPods = peerPods
    }

    /// Why the lists cannot be complete, as a sentence without a period; nil if nothing speaks against them.
    ///
    /// A server or a proxy that answers with an empty or a partial list would otherwise turn every VM into an orphan.
    /// Each list must have what exists for certain: this controller's own node and pod, and `kube-system`.
    package func doubt(seenFrom own: OwnPlace) -> String? {
        if nodes.isEmpty { return "the list of nodes is empty" }
        if !own.node.isEmpty, !nodes.contains(own.node) {
            return "the list of nodes lacks \(own.node), on which this controller runs"
        }
        for name in ["kube-system", own.namespace] where !name.isEmpty && !namespaces.contains(name) {
            return "the list of namespaces lacks \(name)"
        }
        if pods.isEmpty { return "the list of pods is empty" }
        if !own.podUID.isEmpty, !pods.contains(where: { $0.uid == own.podUID }) {
            return "the list of pods lacks this controller's own pod"
        }
        return nil
    }
}

/// Where this controller runs. An empty text is not known.
package struct OwnPlace: Equatable, Sendable {
    /// The name of its node.
    package var node = ""
    /// Its namespace.
    package var namespace = ""
    /// The UID of its pod.
    package var podUID = ""

    /// A place.
    package init(node: String = "", namespace: String = "", podUID: String = "") {
        self.node = node
        self.namespace = namespace
        self.podUID = podUID
    }
}
