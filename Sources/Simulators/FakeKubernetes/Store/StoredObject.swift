internal import JSON

/// The place of an object in the store.
struct ObjectKey: Hashable, Comparable {
    let group: String
    let plural: String
    let namespace: String
    let name: String

    init(_ resource: APIResource, _ namespace: String?, _ name: String) {
        group = resource.storageGroup
        plural = resource.plural
        self.namespace = namespace ?? ""
        self.name = name
    }

    static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }

    func isOf(_ resource: APIResource, in namespace: String?) -> Bool {
        group == resource.storageGroup && plural == resource.plural && (namespace ?? self.namespace) == self.namespace
    }
}

extension JSONObject {
    var metadata: JSONObject {
        get { self["metadata"]?.objectValue ?? JSONObject() }
        set { self["metadata"] = .object(newValue) }
    }

    var finalizers: [JSONValue] { metadata["finalizers"]?.arrayValue ?? [] }
    var isDeleting: Bool { metadata["deletionTimestamp"] != nil }

    /// The text at a path such as `spec.nodeName`; empty if there is none.
    func text(at path: String) -> String {
        var value: JSONValue? = .object(self)
        for key in path.split(separator: ".") { value = value?[String(key)] }
        return value?.stringValue ?? ""
    }
}
