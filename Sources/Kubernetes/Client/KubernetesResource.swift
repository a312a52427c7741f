internal import Encoding

/// A kind of objects at the API server.
package struct KubernetesResource: Hashable, Sendable {
    /// The API's group; empty for the core group.
    package let group: String
    /// The API's version.
    package let version: String
    /// The plural in the URL, such as `pods`.
    package let plural: String
    /// The kind of one object, such as `Pod`.
    package let kind: String

    /// Names a kind of objects.
    package init(group: String = "", version: String = "v1", _ plural: String, kind: String) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
    }

    /// `v1` or `group/v1`, as objects have it.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    package static let nodes = KubernetesResource("nodes", kind: "Node")
    package static let pods = KubernetesResource("pods", kind: "Pod")
    package static let secrets = KubernetesResource("secrets", kind: "Secret")
    package static let serviceAccounts = KubernetesResource("serviceaccounts", kind: "ServiceAccount")
    package static let namespaces = KubernetesResource("namespaces", kind: "Namespace")
    package static let events = KubernetesResource(group: "events.k8s.io", "events", kind: "Event")
    package static let leases = KubernetesResource(group: "coordination.k8s.io", "leases", kind: "Lease")
    package static let webhookConfigurations = KubernetesResource(
        group: "admissionregistration.k8s.io", "mutatingwebhookconfigurations", kind: "MutatingWebhookConfiguration")
    package static let runtimeClasses = KubernetesResource(
        group: "node.k8s.io", "runtimeclasses", kind: "RuntimeClass")
    package static let daemonSets = KubernetesResource(group: "apps", "daemonsets", kind: "DaemonSet")
    package static let validatingPolicies = KubernetesResource(
        group: "admissionregistration.k8s.io", "validatingadmissionpolicies", kind: "ValidatingAdmissionPolicy")
    package static let mutatingPolicies = KubernetesResource(
        group: "admissionregistration.k8s.io", "mutatingadmissionpolicies", kind: "MutatingAdmissionPolicy")
    package static let peerPods = KubernetesResource(
        group: "confidentialcontainers.org", version: "v1alpha1", "peerpods", kind: "PeerPod")

    /// The path of all objects of this kind, or of those in a namespace.
    func path(in namespace: String? = nil) -> String {
        let root = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        let place = namespace.map { "/namespaces/\(PercentCoding.encoded($0))" } ?? ""
        return "\(root)\(place)/\(plural)"
    }

    /// The path of one object, or of its sub-resource.
    func path(of name: String, in namespace: String? = nil, subresource: String? = nil) -> String {
        path(in: namespace) + "/" + PercentCoding.encoded(name) + (subresource.map { "/\($0)" } ?? "")
    }
}

/// One object at the API server.
package struct ObjectName: Hashable, Sendable, CustomStringConvertible {
    /// The object's kind.
    package let resource: KubernetesResource
    /// The object's namespace; nil for an object of the whole cluster.
    package let namespace: String?
    /// The object's name.
    package let name: String

    /// Names an object.
    package init(_ resource: KubernetesResource, _ name: String, in namespace: String? = nil) {
        self.resource = resource
        self.namespace = namespace
        self.name = name
    }

    /// Such as `Pod default/nginx`.
    package var description: String { "\(resource.kind) \(namespace.map { "\($0)/" } ?? "")\(name)" }
}
