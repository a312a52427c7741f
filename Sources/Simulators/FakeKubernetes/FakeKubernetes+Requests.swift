package import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension HTTPRequest {
    /// Whether a query parameter is true, in one of the forms that Go knows.
    func isTrue(_ name: String) -> Bool { ["1", "t", "T", "true", "TRUE", "True"].contains(query(name) ?? "") }
}

extension FakeKubernetes {
    /// Answers a request.
    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let segments = request.segments
        if segments.first == "control" {
            return ControlEndpoint(cluster: self).answer(request, Array(segments.dropFirst()))
        }
        do throws(APIStatus) {
            return try await handle(request)
        } catch {
            return error.response
        }
    }

    private func handle(_ request: HTTPRequest) async throws(APIStatus) -> HTTPResponse {
        if ["/readyz", "/livez", "/healthz"].contains(request.path) { return .text("ok") }
        let (rules, missing) = state.withLock { ($0.rules, $0.faults.scenario.missing) }
        let resources = APIResource.all.filter { !missing.contains($0.plural) }
        let user = try rules.user(of: request)
        if let answer = Discovery(resources: resources).answer(request.segments) {
            if user == Self.anonymous, request.path != "/version" {
                throw APIStatus(403, "Forbidden", "forbidden: User \"\(user)\" cannot get path")
            }
            return .api(answer)
        }
        if let review = try Reviews(rules: rules, user: user).answer(request) { return review }
        // The answer of a real server for a path that it does not know is not JSON.
        guard let route = APIRoute(request, resources) else { return .text("404 page not found\n", status: 404) }
        let verb = try verb(of: request, route)
        state.withLock { $0.log.append("\(user) \(verb) \(request.path)") }
        try rules.check(user, verb, route)
        let call = APICall(user: user, verb: verb, resource: route.resourceName, name: route.name ?? "")
        let faults = state.withLock { $0.faults.draw(call) }
        if let answer = try await before(verb, faults) { return answer }
        return after(try perform(verb, request, route, faults), verb, faults)
    }

    private func perform(
        _ verb: String, _ request: HTTPRequest, _ route: APIRoute, _ faults: [APIFault]
    ) throws(APIStatus) -> HTTPResponse {
        switch verb {
        case "get": try read(request, route)
        case "list": try list(request, route)
        case "watch": try watch(request, route, faults)
        case "create": try create(request, route)
        case "update", "patch": try change(request, route)
        default: try delete(request, route)
        }
    }

    private func verb(of request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> String {
        let isWatch = request.isTrue("watch")
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

    private func read(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let name = route.name ?? ""
        let key = ObjectKey(route.resource, route.namespace, name)
        guard let object = state.withLock({ $0.store.objects[key] }) else { throw .notFound(route.resource, name) }
        let shown = route.resource.shown(object)
        guard TableForm.isWanted(by: request) else { return .api(.object(shown)) }
        return .api(TableForm(resource: route.resource, now: .now).table(of: [shown], metadata: JSONObject()))
    }

    private func list(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let selectors = try Selectors(
            fields: request.query("fieldSelector"), labels: request.query("labelSelector"), for: route.resource)
        let (all, version, oldest) = state.withLock { state in
            (state.store.list(route.resource, in: route.namespace), state.store.version, state.store.oldestVersion)
        }
        if let wanted = request.query("resourceVersion").flatMap({ Int64($0) }), wanted > version {
            var status = APIStatus(
                504, "Timeout", "Too large resource version: \(wanted), current: \(version)")
            status.retryAfter = 1
            throw status
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
        if TableForm.isWanted(by: request) {
            let objects = matching.map { route.resource.shown($0.1) }
            return .api(TableForm(resource: route.resource, now: .now).table(of: objects, metadata: metadata))
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

    private func delete(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let name = route.name ?? ""
        let key = ObjectKey(route.resource, route.namespace, name)
        let options = request.body.isEmpty ? nil : try? JSONValue(parsing: request.body)
        guard request.body.isEmpty || options != nil else { throw .badRequest("error decoding the delete options") }
        let last: JSONObject = try mutate { store throws(APIStatus) in
            guard let object = store.objects[key] else { throw .notFound(route.resource, name) }
            for member in ["uid", "resourceVersion"] {
                guard let wanted = options?["preconditions"]?[member], wanted != object.metadata[member] else {
                    continue
                }
                var status = APIStatus(
                    409, "Conflict",
                    "Operation cannot be fulfilled on \(route.resource.qualified) \"\(name)\": the precondition on the "
                        + "\(member) is not met")
                status.name(route.resource, name)
                throw status
            }
            return store.delete(key, now: Self.now)
        }
        return .api(.object(route.resource.shown(last)))
    }
}
