package import HTTPTransport
internal import JSON
internal import LinuxIO

extension FakeKubernetes {
    /// Answers a request.
    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        do throws(APIStatus) {
            return try handle(request)
        } catch {
            return error.response
        }
    }

    private func handle(_ request: HTTPRequest) throws(APIStatus) -> HTTPResponse {
        if ["/readyz", "/livez", "/healthz"].contains(request.path) { return .text("ok") }
        let (rules, lacksPeerPods) = state.withLock { ($0.rules, $0.faults.lacksPeerPods) }
        let resources = APIResource.all.filter { !(lacksPeerPods && $0.plural == "peerpods") }
        let user = try rules.user(of: request)
        if let answer = Discovery(resources: resources).answer(request.segments) {
            if user == "system:anonymous", request.path != "/version" {
                throw APIStatus(403, "Forbidden", "forbidden: User \"system:anonymous\" cannot get path")
            }
            return .api(answer)
        }
        if let review = try Reviews(rules: rules, user: user).answer(request) { return review }
        // The answer of a real server for a path that it does not know is not JSON.
        guard let route = APIRoute(request, resources) else { return .text("404 page not found\n", status: 404) }
        let verb = try verb(of: request, route)
        state.withLock { $0.log.append("\(user) \(verb) \(request.path)") }
        try rules.check(user, verb, route)
        try throttle()
        switch verb {
        case "get": return .api(.object(try read(route)))
        case "list": return try list(request, route)
        case "watch": return try watch(request, route)
        case "create": return try create(request, route)
        case "update", "patch": return try change(request, route)
        default: return try delete(route)
        }
    }

    private func verb(of request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> String {
        let isWatch = ["1", "true"].contains(request.query("watch") ?? "")
        return switch (request.method, route.name) {
        case ("GET", _?): "get"
        case ("GET", nil): isWatch ? "watch" : "list"
        case ("POST", nil): "create"
        case ("PUT", _?): "update"
        case ("PATCH", _?): "patch"
        case ("DELETE", _?): "delete"
        default:
            throw APIStatus(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
    }

    private func throttle() throws(APIStatus) {
        let wait: Int? = state.withLock { state in
            guard state.faults.throttled > 0 else { return nil }
            state.faults.throttled -= 1
            return state.faults.retryAfter
        }
        guard let wait else { return }
        var status = APIStatus(429, "TooManyRequests", "storage is (re)initializing")
        status.retryAfter = wait
        throw status
    }

    private func read(_ route: APIRoute) throws(APIStatus) -> JSONObject {
        let name = route.name ?? ""
        let key = ObjectKey(route.resource, route.namespace, name)
        guard let object = state.withLock({ $0.store.objects[key] }) else { throw .notFound(route.resource, name) }
        return route.resource.shown(object)
    }

    private func list(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let selectors = try Selectors(
            fields: request.query("fieldSelector"), labels: request.query("labelSelector"), for: route.resource)
        let (all, version, oldest) = state.withLock { state in
            (state.store.list(route.resource, in: route.namespace), state.store.version, state.store.oldestVersion)
        }
        var matching = all.filter { selectors.match(route.resource.shown($0.1)) }
        var metadata = JSONObject([("resourceVersion", .string(String(version)))])
        if let token = request.query("continue"), !token.isEmpty {
            let parts = token.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, let begun = Int64(parts[0]) else {
                throw .badRequest("continue key is not valid")
            }
            guard begun >= oldest else {
                throw APIStatus(410, "Expired", "The provided continue parameter is too old")
            }
            matching.removeAll { ($0.0.namespace, $0.0.name) <= (parts[1], parts[2]) }
            metadata["resourceVersion"] = .string(parts[0])
        }
        if let limit = request.query("limit").flatMap({ Int($0) }), limit > 0, matching.count > limit {
            let last = matching[limit - 1].0
            let begun = metadata["resourceVersion"]?.stringValue ?? ""
            metadata["continue"] = .string("\(begun)|\(last.namespace)|\(last.name)")
            metadata["remainingItemCount"] = .integer(Int64(matching.count - limit))
            matching = Array(matching.prefix(limit))
        }
        let items = matching.map { pair in
            var item = route.resource.shown(pair.1)
            // A real list has the kind only once.
            item["kind"] = nil
            item["apiVersion"] = nil
            return JSONValue.object(item)
        }
        return .api([
            "kind": .string(route.resource.kind + "List"), "apiVersion": .string(route.resource.groupVersion),
            "metadata": .object(metadata), "items": .array(items),
        ])
    }

    private func delete(_ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let name = route.name ?? ""
        let key = ObjectKey(route.resource, route.namespace, name)
        let last: JSONObject = try mutate { store throws(APIStatus) in
            guard store.objects[key] != nil else { throw .notFound(route.resource, name) }
            return store.delete(key, now: Self.now)
        }
        return .api(.object(route.resource.shown(last)))
    }
}
