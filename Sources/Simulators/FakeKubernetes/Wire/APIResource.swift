/// A kind that the fake API server has.
struct APIResource: Hashable, Sendable {
    let group: String
    let version: String
    let plural: String
    let kind: String
    let isNamespaced: Bool
    var shortNames: [String] = []
    /// Whether the kind has the sub-resource `status`.
    var hasStatus = false
    /// Whether a CustomResourceDefinition defines the kind.
    var isCustom = false
    /// Whether an update (PUT) must name the version that it replaces.
    var needsVersion = false

    /// The name with which rights and errors name the kind.
    var groupVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// Both APIs of events have the same objects.
    var storageGroup: String { plural == "events" ? "" : group }

    static let all: [APIResource] = [
        .init(
            group: "", version: "v1", plural: "namespaces", kind: "Namespace", isNamespaced: false, shortNames: ["ns"],
            hasStatus: true),
        .init(
            group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false, shortNames: ["no"],
            hasStatus: true),
        .init(
            group: "", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true, shortNames: ["po"],
            hasStatus: true),
        .init(group: "", version: "v1", plural: "secrets", kind: "Secret", isNamespaced: true),
        .init(
            group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true, shortNames: ["cm"]),
        .init(
            group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount", isNamespaced: true,
            shortNames: ["sa"]),
        .init(group: "", version: "v1", plural: "events", kind: "Event", isNamespaced: true, shortNames: ["ev"]),
        .init(
            group: "events.k8s.io", version: "v1", plural: "events", kind: "Event", isNamespaced: true,
            shortNames: ["ev"]),
        .init(
            group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", isNamespaced: true,
            needsVersion: true),
        .init(
            group: "node.k8s.io", version: "v1", plural: "runtimeclasses", kind: "RuntimeClass", isNamespaced: false,
            needsVersion: true),
        .init(
            group: "admissionregistration.k8s.io", version: "v1", plural: "mutatingwebhookconfigurations",
            kind: "MutatingWebhookConfiguration", isNamespaced: false, needsVersion: true),
        .init(
            group: "admissionregistration.k8s.io", version: "v1", plural: "mutatingwebhookconfigurations",
            kind: "MutatingWebhookConfiguration", isNamespaced: false),
        .init(
            group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", isNamespaced: true,
            shortNames: ["ds"], hasStatus: true),
        .init(
            group: "admissionregistration.k8s.io", version: "v1", plural: "validatingadmissionpolicies",
            kind: "ValidatingAdmissionPolicy", isNamespaced: false, hasStatus: true),
        .init(
            group: "admissionregistration.k8s.io", version: "v1", plural: "mutatingadmissionpolicies",
            kind: "MutatingAdmissionPolicy", isNamespaced: false),
        .init(
            group: "confidentialcontainers.org", version: "v1alpha1", plural: "peerpods", kind: "PeerPod",
            isNamespaced: true, hasStatus: true, isCustom: true, needsVersion: true),
    ]
}
