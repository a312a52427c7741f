internal import Controller
internal import Kubernetes

/// The cluster at the API server, as the controller needs it.
struct KubernetesControllerCluster: ControllerCluster {
    let reader: ClusterReader

    func snapshot() async throws(ClusterFailure) -> ClusterSnapshot {
        do throws(KubernetesError) {
            // PeerPods first: a PeerPod on the list was written after its pod, so a later list of pods has the pod, or it is gone.
            let peerPods = try await reader.peerPods()
            let pods = try await reader.pods()
            let namespaces = try await reader.namespaces()
            let nodes = try await reader.nodes()
            return ClusterSnapshot(
                nodes: Set(nodes), namespaces: Set(namespaces),
                pods: pods.map { pod in
                    .init(
                        namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid,
                        node: pod.node,
                        created: pod.created)
                }, peerPods: peerPods.map(PeerPodEntry.init))
        } catch {
            throw ClusterFailure("\(error)")
        }
    }

    func exists(_ object: ClusterObject) async throws(ClusterFailure) -> Bool {
        do throws(KubernetesError) {
            switch object {
            case .node(let name): return try await reader.uid(of: ObjectName(.nodes, name)) != nil
            case .namespace(let name): return try await reader.uid(of: ObjectName(.namespaces, name)) != nil
            case .pod(let namespace, let name, let uid):
                return try await reader.uid(of: ObjectName(.pods, name, in: namespace)) == uid
            }
        } catch {
            throw ClusterFailure("\(error)")
        }
    }

    func release(_ peerPod: PeerPodEntry) async throws(ClusterFailure) {
        do throws(KubernetesError) {
            try await reader.release(
                ObjectName(.peerPods, peerPod.name, in: peerPod.namespace), uid: peerPod.uid,
                finalizer: PeerPodEntry.finalizer)
        } catch {
            throw ClusterFailure("\(error)")
        }
    }
}

extension PeerPodEntry {
    init(_ object: ClusterReader.PeerPod) {
        self.init(
            namespace: object.metadata.namespace, name: object.metadata.name, uid: object.metadata.uid,
            owner: object.owner.map { Owner(name: $0.name, uid: $0.uid) }, cloudProvider: object.cloudProvider,
            instancePath: object.instanceID, finalizers: object.metadata.finalizers)
    }
}
