internal import JSON
internal import LinuxIO
internal import PodVMLifecycle

/// The UIDs of this node's pods, which the API server knows and kata's shim does not send.
package final class PodIdentities: Sendable {
    private static let limit = 1024

    private let client: KubernetesClient
    private let known = Lock([SandboxID: String]())

    /// Identities that are read when they are needed.
    package init(_ client: KubernetesClient) { self.client = client }

    /// The pod's UID.
    ///
    /// - Throws: ``KubernetesError``: not found if the pod does not exist any longer.
    func uid(of pod: ObservedPod) async throws(KubernetesError) -> String {
        if let uid = known.withLock({ $0[pod.sandbox] }) { return uid }
        let name = ObjectName(.pods, pod.name, in: pod.namespace)
        let object = try await client.get(name)
        guard let metadata = try? ObjectMetadata(of: object), !metadata.uid.isEmpty else {
            throw KubernetesError(.malformed, "get \(name)", "the pod has no UID")
        }
        note(metadata.uid, of: pod)
        return metadata.uid
    }

    /// Notes the UID of a pod that was read for another reason.
    func note(_ uid: String, of pod: ObservedPod) {
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[pod.sandbox] = uid
        }
    }

    /// Forgets a pod that has ended.
    func forget(_ pod: ObservedPod) { known.withLock { $0[pod.sandbox] = nil } }
}
