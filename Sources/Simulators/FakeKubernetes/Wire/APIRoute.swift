internal import HTTPTransport

/// What a request's path names.
struct APIRoute {
    let resource: APIResource
    let namespace: String?
    let name: String?
    let subresource: String?

    /// The name of the resource in rights, such as `nodes/status`.
    var resourceName: String { resource.plural + (subresource.map { "/\($0)" } ?? "") }

    /// Finds the kind of the path; nil if the server has no such path.
    init?(_ request: HTTPRequest, _ resources: [APIResource]) {
        var parts = request.segments[...]
        let group: String
        switch parts.popFirst() {
        case "api": group = ""
        case "apis":
            guard let name = parts.popFirst() else { return nil }
            group = name
        default: return nil
        }
        guard let version = parts.popFirst() else { return nil }
        var namespace: String?
        if parts.first == "namespaces", parts.count >= 3, !["status", "finalize"].contains(parts[parts.startIndex + 2])
        {
            namespace = parts[parts.startIndex + 1]
            parts = parts.dropFirst(2)
        }
        guard let plural = parts.popFirst(),
            let resource = resources.first(where: {
                $0.group == group && $0.version == version && $0.plural == plural
            })
        else { return nil }
        let name = parts.popFirst()
        let subresource = parts.popFirst()
        guard parts.isEmpty, namespace == nil || resource.isNamespaced else { return nil }
        if name != nil, resource.isNamespaced, namespace == nil { return nil }
        if let subresource, !(subresource == "status" && resource.hasStatus) { return nil }
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.subresource = subresource
    }
}
