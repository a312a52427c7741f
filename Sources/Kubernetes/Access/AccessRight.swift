internal import JSON

/// A right at the API server: a verb on a resource.
package struct AccessRight: Hashable, Sendable, CustomStringConvertible {
    /// Such as `get`.
    package let verb: String
    /// The API's group; empty for the core group.
    package let group: String
    /// The plural, such as `nodes`.
    package let resource: String
    /// Such as `status`; empty for the object itself.
    package let subresource: String
    /// The namespace; nil for all namespaces, or for objects of the whole cluster.
    package let namespace: String?
    /// The object's name; nil for all objects.
    package let name: String?

    /// Names a right.
    package init(
        _ verb: String, _ resource: KubernetesResource, subresource: String = "", in namespace: String? = nil,
        name: String? = nil
    ) {
        self.verb = verb
        group = resource.group
        self.resource = resource.plural
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
    }

    /// Such as `patch nodes/status`.
    package var description: String {
        verb + " " + (group.isEmpty ? "" : "\(group)/") + resource + (subresource.isEmpty ? "" : "/\(subresource)")
            + (name.map { " \($0)" } ?? "") + (namespace.map { " in \($0)" } ?? "")
    }

    var attributes: JSONValue {
        var attributes: JSONObject = JSONObject([
            ("verb", .string(verb)), ("group", .string(group)), ("resource", .string(resource)),
        ])
        if !subresource.isEmpty { attributes["subresource"] = .string(subresource) }
        if let namespace { attributes["namespace"] = .string(namespace) }
        if let name { attributes["name"] = .string(name) }
        return .object(attributes)
    }
}

extension ClusterFeatures.Feature {
    /// The rights that the feature needs, one by one.
    package var needs: [AccessRight] {
        switch self {
        case .nodeResource:
            [.init("patch", .nodes, subresource: "status")] + ["get", "list", "watch"].map { .init($0, .nodes) }
        case .clusterIdentity: [.init("get", .namespaces, name: "kube-system")]
        case .events: [.init("create", .events), .init("patch", .events), .init("get", .pods)]
        case .peerPods: [.init("create", .peerPods), .init("patch", .peerPods), .init("get", .pods)]
        case .podDetails: [.init("get", .pods)]
        case .pullSecrets: [.init("get", .secrets), .init("get", .serviceAccounts)]
        }
    }
}

extension KubernetesClient {
    /// Whether the server grants `right` to this client, or to `user`. To ask for another user needs the right to create
    /// SubjectAccessReviews.
    package func grants(_ right: AccessRight, to user: String? = nil) async throws(KubernetesError) -> Bool {
        var spec: JSONObject = JSONObject([("resourceAttributes", right.attributes)])
        if let user {
            spec["user"] = .string(user)
            spec["groups"] = .array(Self.groups(of: user).map(JSONValue.string))
        }
        let kind = user == nil ? "SelfSubjectAccessReview" : "SubjectAccessReview"
        let resource = KubernetesResource(
            group: "authorization.k8s.io", user == nil ? "selfsubjectaccessreviews" : "subjectaccessreviews", kind: kind
        )
        let review = try await create(
            ["apiVersion": .string(resource.apiVersion), "kind": .string(kind), "spec": .object(spec)], of: resource)
        guard let isAllowed = review["status"]?["allowed"]?.boolValue else {
            throw KubernetesError(.malformed, "create \(kind)", "the answer has no status.allowed")
        }
        return isAllowed
    }

    /// The groups to which each ServiceAccount belongs.
    private static func groups(of user: String) -> [String] {
        let parts = user.split(separator: ":")
        guard user.hasPrefix("system:serviceaccount:"), parts.count == 4 else { return ["system:authenticated"] }
        return ["system:serviceaccounts", "system:serviceaccounts:\(parts[2])", "system:authenticated"]
    }
}
