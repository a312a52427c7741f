internal import HTTPTransport
internal import JSON
internal import LinuxIO

extension FakeKubernetes {
    func create(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        var object = try body(of: request)
        if let kind = object["kind"]?.stringValue, kind != route.resource.kind {
            throw .badRequest(
                "\(kind) in version \"\(route.resource.groupVersion)\" cannot be handled as a "
                    + route.resource.kind)
        }
        if route.resource.isNamespaced, route.namespace == nil {
            throw .badRequest("an empty namespace may not be set during creation")
        }
        if let namespace = object.metadata["namespace"]?.stringValue, namespace != route.namespace {
            throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
        }
        let name = try name(of: object, route.resource)
        object.metadata["name"] = .string(name)
        let rules = ObjectRules(resource: route.resource, name: name)
        try rules.check(object, in: route.namespace)
        object = try rules.pruned(object, isStrict: request.query("fieldValidation") == "Strict")
        if route.resource.hasStatus, route.resource.isCustom { object["status"] = nil }
        if route.resource.plural == "pods" { object["status"] = ["phase": "Pending"] }
        let stored = allocated(route.resource.stored(object))
        if request.query("dryRun") == "All" { return .api(.object(route.resource.shown(stored)), status: 201) }
        let key = ObjectKey(route.resource, route.namespace, name)
        let made: JSONObject = try mutate { store throws(APIStatus) in
            try Self.checkNamespace(route, store)
            guard store.objects[key] == nil else {
                var status = APIStatus(409, "AlreadyExists", "\(route.resource.qualified) \"\(name)\" already exists")
                status.name(route.resource, name)
                throw status
            }
            return store.create(stored, at: key, now: Self.now)
        }
        return .api(.object(route.resource.shown(made)), status: 201)
    }

    /// PUT and PATCH.
    func change(_ request: HTTPRequest, _ route: APIRoute) throws(APIStatus) -> HTTPResponse {
        let name = route.name ?? ""
        let key = ObjectKey(route.resource, route.namespace, name)
        let new: JSONObject = try mutate { store throws(APIStatus) in
            guard let old = store.objects[key] else { throw .notFound(route.resource, name) }
            let before = route.resource.shown(old)
            var after = try changed(before, by: request, route)
            if request.method == "PUT" { try Self.checkNames(after, route) }
            try Self.checkVersion(after, before, route)
            after = Self.limited(after, before, route)
            let rules = ObjectRules(resource: route.resource, name: name)
            try rules.check(after, replacing: before, in: route.namespace)
            after = try rules.pruned(after, isStrict: request.query("fieldValidation") == "Strict")
            let stored = allocated(route.resource.stored(after), replacing: old)
            return request.query("dryRun") == "All" ? stored : store.update(stored, at: key, now: Self.now)
        }
        return .api(.object(route.resource.shown(new)))
    }

    /// The object that the request asks for.
    private func changed(
        _ old: JSONObject, by request: HTTPRequest, _ route: APIRoute
    ) throws(APIStatus) -> JSONObject {
        if request.method == "PUT" { return try body(of: request) }
        let type = String((request.headers["Content-Type"] ?? "").prefix { $0 != ";" })
        let patch = try json(request)
        let result: JSONValue
        switch type {
        case "application/merge-patch+json": result = Patch.merge(patch, into: .object(old))
        case "application/json-patch+json":
            guard let operations = patch.arrayValue else { throw .badRequest("error decoding patch") }
            result = try Patch.json(operations, on: .object(old))
        case "application/strategic-merge-patch+json" where !route.resource.isCustom:
            result = Patch.strategic(patch, into: .object(old))
        default:
            let known =
                ["json-patch+json", "merge-patch+json"]
                + (route.resource.isCustom ? [] : ["strategic-merge-patch+json"])
            throw APIStatus(
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                    + known.map { "application/\($0)" }.joined(separator: ", "))
        }
        guard let object = result.objectValue else { throw .badRequest("the patch does not give an object") }
        return object
    }

    /// An update names the object that it replaces, and for most kinds also its version.
    private static func checkNames(_ new: JSONObject, _ route: APIRoute) throws(APIStatus) {
        let name = new.text(at: "metadata.name"), namespace = new.text(at: "metadata.namespace")
        guard name == route.name else {
            throw .badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(route.name ?? ""))")
        }
        guard namespace.isEmpty || namespace == route.namespace else {
            throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
        }
        guard !route.resource.needsVersion || !new.text(at: "metadata.resourceVersion").isEmpty else {
            throw .invalid(
                route.resource, name, "metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
        }
    }

    /// A stale `resourceVersion` is a conflict; none means that the change is unconditional.
    private static func checkVersion(
        _ new: JSONObject, _ old: JSONObject, _ route: APIRoute
    ) throws(APIStatus) {
        let wanted = new.text(at: "metadata.resourceVersion")
        guard !wanted.isEmpty, wanted != old.text(at: "metadata.resourceVersion") else { return }
        let name = route.name ?? ""
        var status = APIStatus(
            409, "Conflict",
            "Operation cannot be fulfilled on \(route.resource.qualified) \"\(name)\": the object has been modified; "
                + "please apply your changes to the latest version and try again")
        status.name(route.resource, name)
        throw status
    }

    /// The parts that the path does not reach stay as they were: the status, or everything but the status and the labels
    /// and annotations.
    private static func limited(_ new: JSONObject, _ old: JSONObject, _ route: APIRoute) -> JSONObject {
        guard route.resource.hasStatus else { return new }
        guard route.subresource == "status" else {
            var new = new
            new["status"] = old["status"]
            return new
        }
        var limited = old
        limited["status"] = new["status"]
        for member in ["annotations", "labels"] where !route.resource.isCustom {
            limited.metadata[member] = new.metadata[member]
        }
        return limited
    }

    /// What a kubelet does: it copies extended resources from the capacity to the allocatable resources.
    private func allocated(_ object: JSONObject, replacing old: JSONObject? = nil) -> JSONObject {
        guard let capacity = object["status"]?["capacity"]?.objectValue else { return object }
        var object = object
        var status = object["status"]?.objectValue ?? JSONObject()
        var allocatable = status["allocatable"]?.objectValue ?? JSONObject()
        for key in allocatable.keys where key.contains("/") && capacity[key] == nil { allocatable[key] = nil }
        var shown = JSONObject()
        for (key, value) in capacity.entries {
            // The server returns numbers as texts.
            let text: JSONValue = value.integerValue.map { .string(String($0)) } ?? value
            shown[key] = text
            if key.contains("/") { allocatable[key] = text }
        }
        status["capacity"] = .object(shown)
        status["allocatable"] = .object(allocatable)
        object["status"] = .object(status)
        return object
    }

    private static func checkNamespace(_ route: APIRoute, _ store: ObjectStore) throws(APIStatus) {
        guard let namespace = route.namespace, let kind = APIResource.all.first(where: { $0.plural == "namespaces" })
        else { return }
        guard let object = store.objects[ObjectKey(kind, nil, namespace)] else {
            throw .notFound(kind, namespace)
        }
        guard !object.isDeleting else {
            var status = APIStatus(
                403, "Forbidden",
                "unable to create new content in namespace \(namespace) because it is being terminated")
            status.details["causes"] = [["reason": "NamespaceTerminating", "field": "metadata.namespace"]]
            throw status
        }
    }

    private func name(of object: JSONObject, _ resource: APIResource) throws(APIStatus) -> String {
        let name = object.text(at: "metadata.name")
        if !name.isEmpty { return name }
        let prefix = object.text(at: "metadata.generateName")
        guard !prefix.isEmpty else {
            throw .invalid(resource, "", "metadata.name", "Required value: name or generateName is required")
        }
        if resource.group == "events.k8s.io", prefix.hasSuffix(".") {
            throw .invalid(resource, "", "metadata.generateName", "may not end in '.'")
        }
        return prefix + String((0..<5).map { _ in "bcdfghjklmnpqrstvwxz2456789".randomElement() ?? "x" })
    }

    private func body(of request: HTTPRequest) throws(APIStatus) -> JSONObject {
        let type = String((request.headers["Content-Type"] ?? "application/json").prefix { $0 != ";" })
        guard type == "application/json" else {
            throw APIStatus(
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json")
        }
        guard let object = try json(request).objectValue else { throw .badRequest("the body is not an object") }
        return object
    }

    private func json(_ request: HTTPRequest) throws(APIStatus) -> JSONValue {
        do {
            return try JSONValue(parsing: request.body, limits: JSONLimits(size: 3 << 20, depth: 100))
        } catch {
            throw .badRequest("error decoding the body: \(error)")
        }
    }
}
