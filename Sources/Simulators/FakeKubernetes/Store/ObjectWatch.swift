internal import Encoding
internal import HTTPTransport
internal import JSON

/// One client's watch.
struct ObjectWatch: Sendable {
    let resource: APIResource
    let namespace: String?
    let selectors: Selectors
    let stream = HTTPBodyStream()

    /// The line for a change; nil if the change does not concern the watch.
    func line(_ change: ObjectStore.Change) -> [UInt8]? {
        guard change.key.isOf(resource, in: namespace) else { return nil }
        let isIn = selectors.match(shown(change.object))
        let wasIn = change.old.map { selectors.match(shown($0)) } ?? false
        let type: String
        switch (change.type, wasIn, isIn) {
        case ("DELETED", _, true): type = "DELETED"
        case ("DELETED", _, false), (_, false, false): return nil
        case (_, true, false): type = "DELETED"
        case (_, false, true): type = "ADDED"
        default: type = "MODIFIED"
        }
        return Self.line(type, .object(shown(change.object)))
    }

    /// A line for an object that exists at the start.
    func line(existing object: JSONObject) -> [UInt8] { Self.line("ADDED", .object(shown(object))) }

    /// A line that says that nothing has happened until `version`.
    func bookmark(_ version: Int64, isInitialEnd: Bool = false) -> [UInt8] {
        var metadata: JSONObject = JSONObject([("resourceVersion", .string(String(version)))])
        if isInitialEnd { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        return Self.line(
            "BOOKMARK",
            [
                "kind": .string(resource.kind), "apiVersion": .string(resource.groupVersion),
                "metadata": .object(metadata),
            ])
    }

    static func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        let event: JSONValue = ["type": .string(type), "object": object]
        return event.encoded() + [UInt8(ascii: "\n")]
    }

    private func shown(_ object: JSONObject) -> JSONObject { resource.shown(object) }
}

extension APIResource {
    /// An object of the store in the form of this API.
    func shown(_ object: JSONObject) -> JSONObject {
        var shown = plural == "events" && !group.isEmpty ? EventForms.newer(object) : object
        shown["kind"] = .string(kind)
        shown["apiVersion"] = .string(groupVersion)
        return shown
    }

    /// An object of this API in the form of the store.
    func stored(_ object: JSONObject) -> JSONObject {
        var stored = plural == "events" && !group.isEmpty ? EventForms.stored(object) : object
        stored["kind"] = nil
        stored["apiVersion"] = nil
        if plural == "secrets" {
            // Write-only: its texts become data.
            var data = stored["data"]?.objectValue ?? JSONObject()
            for (key, value) in stored["stringData"]?.objectValue?.entries ?? [] {
                data[key] = .string(Base64.encode(Array((value.stringValue ?? "").utf8)))
            }
            if !data.keys.isEmpty { stored["data"] = .object(data) }
            stored["stringData"] = nil
            if stored["type"] == nil { stored["type"] = "Opaque" }
        }
        return stored
    }
}
