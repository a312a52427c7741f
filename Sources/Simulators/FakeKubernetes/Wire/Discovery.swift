internal import JSON

/// What clients ask for before their first request: groups, kinds, versions and a schema.
struct Discovery {
    let resources: [APIResource]

    /// The answer for a path; nil for other paths.
    func answer(_ segments: [String]) -> JSONValue? {
        switch segments {
        case ["version"]:
            [
                "major": "1", "minor": "36", "gitVersion": "v1.36.0-fake", "gitCommit": "", "gitTreeState": "clean",
                "buildDate": "2026-05-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
            ]
        case ["api"]: ["kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []]
        case ["apis"]:
            ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.map(group))]
        case ["api", "v1"]: list(of: "", "v1")
        case ["openapi", "v3"]: schemas
        case _ where segments.count == 2 && segments[0] == "apis" && groups.contains(segments[1]): group(segments[1])
        case _ where segments.count == 3 && segments[0] == "apis": list(of: segments[1], segments[2])
        case _ where segments.count == 4 && segments.starts(with: ["openapi", "v3", "api"]): schema("", segments[3])
        case _ where segments.count == 5 && segments.starts(with: ["openapi", "v3", "apis"]):
            schema(segments[3], segments[4])
        default: nil
        }
    }

    private var groups: [String] { Set(resources.map(\.group)).subtracting([""]).sorted() }

    private func version(of group: String) -> String { resources.first { $0.group == group }?.version ?? "v1" }

    private func group(_ name: String) -> JSONValue {
        let version: JSONValue = [
            "groupVersion": .string("\(name)/\(version(of: name))"), "version": .string(version(of: name)),
        ]
        return [
            "kind": "APIGroup", "apiVersion": "v1", "name": .string(name), "versions": [version],
            "preferredVersion": version,
        ]
    }

    private func list(of group: String, _ version: String) -> JSONValue? {
        let known = resources.filter { $0.group == group && $0.version == version }
        if known.isEmpty { return nil }
        let entries = known.flatMap { resource in
            [entry(resource, resource.plural)]
                + (resource.hasStatus ? [entry(resource, resource.plural + "/status")] : [])
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(known[0].groupVersion),
            "resources": .array(entries),
        ]
    }

    private func entry(_ resource: APIResource, _ name: String) -> JSONValue {
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        return [
            "name": .string(name), "singularName": .string(resource.kind.lowercased()),
            "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind),
            "verbs": .array(verbs.map(JSONValue.string)),
            "shortNames": .array(name == resource.plural ? resource.shortNames.map(JSONValue.string) : []),
        ]
    }

    private var schemas: JSONValue {
        let places = Set(resources.map { ($0.group.isEmpty ? "api/" : "apis/") + $0.groupVersion })
        return [
            "paths": .object(
                JSONObject(
                    places.sorted().map { ($0, ["serverRelativeURL": .string("/openapi/v3/\($0)")] as JSONValue) }))
        ]
    }

    /// The operations only, with the parameter for which kubectl looks before it lets the server check fields.
    private func schema(_ group: String, _ version: String) -> JSONValue? {
        let known = resources.filter { $0.group == group && $0.version == version }
        if known.isEmpty { return nil }
        let root = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        let paths = known.map { resource in
            let place = resource.isNamespaced ? "/namespaces/{namespace}" : ""
            let operation: JSONValue = [
                "parameters": [["name": "fieldValidation", "in": "query", "schema": ["type": "string"]]],
                "responses": ["200": ["description": "OK"]],
                "x-kubernetes-group-version-kind": [
                    "group": .string(group), "version": .string(version), "kind": .string(resource.kind),
                ],
            ]
            return ("\(root)\(place)/\(resource.plural)/{name}", ["patch": operation] as JSONValue)
        }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1.36.0-fake"],
            "paths": .object(JSONObject(paths)),
        ]
    }
}
