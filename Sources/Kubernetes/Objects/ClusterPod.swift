package import JSON

/// A Pod object.
package struct ClusterPod: Equatable, Sendable {
    /// Amounts, by resource.
    package struct Resources: Equatable, Sendable {
        /// The requested amounts.
        package let requests: [String: Quantity]
        /// The limits.
        package let limits: [String: Quantity]

        /// Reads the member `resources` of a container or of a pod.
        fileprivate init(of node: JSONNode) throws(JSONError) {
            let resources = try node.optionalObject("resources")
            requests = try resources?.optionalQuantities("requests") ?? [:]
            limits = try resources?.optionalQuantities("limits") ?? [:]
        }
    }

    /// One container of the pod.
    package struct Container: Equatable, Sendable {
        /// The image, as the pod names it.
        package let image: String
        /// What it requests, and its limits.
        package let resources: Resources
        /// Whether it is an init container that stays: a sidecar.
        package let isSidecar: Bool
    }

    /// Name, namespace, UID and annotations.
    package let metadata: ObjectMetadata
    /// The containers that run together.
    package let containers: [Container]
    /// The containers that run before, one after the other; a sidecar stays.
    package let initContainers: [Container]
    /// What all containers together request, and their limits, if the pod itself names them.
    package let resources: Resources
    /// The name of the ServiceAccount; `default` if the pod names none.
    package let serviceAccount: String
    /// The names of the secrets with which its images are pulled.
    package let imagePullSecrets: [String]
    /// The node; nil before the scheduler has chosen one.
    package let nodeName: String?
    /// The RuntimeClass, if the pod names one.
    package let runtimeClass: String?

    /// Reads a Pod.
    package init(_ object: JSONObject) throws(JSONError) {
        metadata = try ObjectMetadata(of: object)
        let spec = try object.object("spec")
        containers = try Self.containers(spec, "containers")
        initContainers = try Self.containers(spec, "initContainers")
        resources = try Resources(of: spec)
        let account = try spec.optionalString("serviceAccountName") ?? ""
        serviceAccount = account.isEmpty ? "default" : account
        imagePullSecrets = try spec.optionalNames("imagePullSecrets")
        nodeName = try spec.optionalString("nodeName")
        runtimeClass = try spec.optionalString("runtimeClassName")
    }

    private static func containers(_ spec: JSONNode, _ key: String) throws(JSONError) -> [Container] {
        var containers: [Container] = []
        for node in try spec.optionalObjects(key) ?? [] {
            containers.append(
                Container(
                    image: try node.optionalString("image") ?? "", resources: try Resources(of: node),
                    isSidecar: try node.optionalString("restartPolicy") == "Always"))
        }
        return containers
    }
}
