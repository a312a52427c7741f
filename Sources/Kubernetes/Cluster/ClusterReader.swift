package import JSON

/// Reads the objects of the whole cluster on which the deletion of VMs depends, and releases PeerPods.
///
/// Each list is complete, or the call throws: an object that cannot be read is an error of the whole list.
package struct ClusterReader: Sendable {
    /// A PeerPod, as far as its VM matters.
    package struct PeerPod: Equatable, Sendable {
        /// Name, namespace, UID and finalizers.
        package let metadata: ObjectMetadata
        /// The name and the UID of the pod that owns it; nil if no pod does.
        package let owner: (name: String, uid: String)?
        /// The cloud, such as `azure`.
        package let cloudProvider: String
        /// The VM's id in its cloud.
        package let instanceID: String

        /// Reads a PeerPod. Members that are missing are empty texts.
        package init(_ object: JSONObject) throws(JSONError) {
            metadata = try ObjectMetadata(of: object)
            let spec = try object.optionalObject("spec")
            cloudProvider = try spec?.optionalString("cloudProvider") ?? ""
            instanceID = try spec?.optionalString("instanceID") ?? ""
            let owners = try object.object("metadata").optionalObjects("ownerReferences") ?? []
            var pod: (String, String)?
            for owner in owners where pod == nil {
                guard try owner.optionalString("kind") == "Pod", try owner.optionalString("apiVersion") == "v1" else {
                    continue
                }
                pod = (try owner.string("name"), try owner.string("uid"))
            }
            owner = pod
        }

        package static func == (one: PeerPod, other: PeerPod) -> Bool {
            one.metadata == other.metadata && one.owner?.name == other.owner?.name && one.owner?.uid == other.owner?.uid
                && one.cloudProvider == other.cloudProvider && one.instanceID == other.instanceID
        }
    }

    private let client: KubernetesClient

    /// A reader that uses `client`.
    package init(_ client: KubernetesClient) { self.client = client }

    /// The names of all nodes.
    package func nodes() async throws(KubernetesError) -> [String] {
        try await client.values(ObjectSelection(.nodes)) { object throws(JSONError) in
            try ObjectMetadata(of: object).name
        }
    }

    /// The names of all namespaces.
    package func namespaces() async throws(KubernetesError) -> [String] {
        try await client.values(ObjectSelection(.namespaces)) { object throws(JSONError) in
            try ObjectMetadata(of: object).name
        }
    }

    /// A pod, as far as VMs depend on it.
    package struct Pod: Equatable, Sendable {
        /// Name, namespace and UID.
        package let metadata: ObjectMetadata
        /// The node; nil before the scheduler has chosen one.
        package let node: String?
        /// The time of its creation, as the API server writes it; empty if it does not say.
        package let created: String
    }

    /// All pods.
    package func pods() async throws(KubernetesError) -> [Pod] {
        try await client.values(ObjectSelection(.pods)) { object throws(JSONError) in
            let node = try object.optionalObject("spec")?.optionalString("nodeName") ?? ""
            return Pod(
                metadata: try ObjectMetadata(of: object), node: node.isEmpty ? nil : node,
                created: try object.object("metadata").optionalString("creationTimestamp") ?? "")
        }
    }

    /// All PeerPods; none in a cluster that does not have the kind.
    package func peerPods() async throws(KubernetesError) -> [PeerPod] {
        do throws(KubernetesError) {
            return try await client.values(ObjectSelection(.peerPods)) { object throws(JSONError) in
                try PeerPod(object)
            }
        } catch {
            guard error.kind == .notFound else { throw error }
            return []
        }
    }

    /// The object's UID; nil if the server says that it does not exist.
    package func uid(of name: ObjectName) async throws(KubernetesError) -> String? {
        do throws(KubernetesError) {
            return try await metadata(of: name).uid
        } catch {
            // A server without the kind, or a proxy, also answers 404. Only a Status object of the server says that this object is missing.
            guard error.kind == .notFound, error.reason == "NotFound" else { throw error }
            return nil
        }
    }

    /// Removes `finalizer` from the PeerPod with this UID. An object that does not exist, is another one, or does not have the finalizer
    /// is success.
    package func release(_ name: ObjectName, uid: String, finalizer: String) async throws(KubernetesError) {
        let metadata: ObjectMetadata
        do throws(KubernetesError) {
            metadata = try await self.metadata(of: name)
        } catch {
            if error.kind == .notFound { return }
            throw error
        }
        guard metadata.uid == uid, let index = metadata.finalizers.firstIndex(of: finalizer) else { return }
        let path = JSONValue.string("/metadata/finalizers/\(index)")
        try await client.jsonPatch(
            name,
            [
                // Another client may have changed the object in the meantime.
                ["op": "test", "path": "/metadata/uid", "value": .string(uid)],
                ["op": "test", "path": path, "value": .string(finalizer)],
                ["op": "remove", "path": path],
            ])
    }

    private func metadata(of name: ObjectName) async throws(KubernetesError) -> ObjectMetadata {
        let object = try await client.get(name)
        do throws(JSONError) {
            return try ObjectMetadata(of: object)
        } catch {
            throw KubernetesError(.malformed, "get \(name)", error.description)
        }
    }
}
