internal import HTTPTransport
internal import JSON

/// Who may do what.
package struct AccessRules: Sendable {
    /// A right of a user; `*` stands for every verb or resource. A sub-resource is `nodes/status`.
    package struct Right: Hashable, Sendable {
        let verb: String
        let resource: String

        /// Names a right.
        package init(_ verb: String, _ resource: String) {
            self.verb = verb
            self.resource = resource
        }
    }

    /// The user of each valid token.
    package var tokens: [String: String] = [:]
    /// The rights of each user.
    package var rights: [String: Set<Right>] = [:]

    /// Rules without users.
    package init() {}

    /// The user of a request: 401 for a token that is not valid, and `system:anonymous` without a token.
    func user(of request: HTTPRequest) throws(APIStatus) -> String {
        guard let header = request.headers["Authorization"] else { return FakeKubernetes.anonymous }
        guard header.hasPrefix("Bearer "), let user = tokens[String(header.dropFirst(7))] else {
            throw APIStatus(401, "Unauthorized", "Unauthorized")
        }
        return user
    }

    func allows(_ user: String, _ verb: String, _ resource: String) -> Bool {
        let rights = rights[user] ?? []
        return rights.contains { ["*", verb].contains($0.verb) && ["*", resource].contains($0.resource) }
    }

    func check(_ user: String, _ verb: String, _ route: APIRoute) throws(APIStatus) {
        let resource = route.resourceName
        if allows(user, verb, resource) { return }
        let place = route.namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        var status = APIStatus(
            403, "Forbidden",
            "\(route.resource.qualified)\(route.name.map { " \"\($0)\"" } ?? "") is forbidden: User \"\(user)\" cannot "
                + "\(verb) resource \"\(resource)\" in API group \"\(route.resource.group)\" \(place)")
        status.name(route.resource, route.name ?? "")
        throw status
    }
}
