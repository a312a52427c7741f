package import JSON

/// The part of an object's metadata that the adaptor reads.
package struct ObjectMetadata: Equatable, Sendable {
    /// The name.
    package let name: String
    /// The namespace; empty for objects of the whole cluster.
    package let namespace: String
    /// The id that no other object ever has.
    package let uid: String
    /// The version for conditional changes and for watches.
    package let resourceVersion: String
    /// The annotations.
    package let annotations: [String: String]
    /// The names of what must happen before the object is removed.
    package let finalizers: [String]
    /// Whether the object is being deleted.
    package let isDeleting: Bool

    /// Reads the member `metadata` of an object.
    package init(of object: JSONObject) throws(JSONError) {
        let metadata = try object.object("metadata")
        name = try metadata.string("name")
        namespace = try metadata.optionalString("namespace") ?? ""
        uid = try metadata.optionalString("uid") ?? ""
        resourceVersion = try metadata.optionalString("resourceVersion") ?? ""
        annotations = try metadata.optionalTexts("annotations")
        finalizers = try metadata.optionalStrings("finalizers") ?? []
        isDeleting = try metadata.optionalString("deletionTimestamp") != nil
    }
}

extension JSONReadable {
    /// The member as an object whose values are texts; empty if it is missing.
    func optionalTexts(_ key: String) throws(JSONError) -> [String: String] {
        guard let node = try optionalObject(key) else { return [:] }
        var texts: [String: String] = [:]
        for (name, value) in node.members.entries {
            guard let text = value.stringValue else {
                throw JSONError(path: node.path(of: name), "expected a string, found \(value.kind)")
            }
            texts[name] = text
        }
        return texts
    }

    /// The member as an object of quantities. A server also accepts numbers, and returns texts.
    func optionalQuantities(_ key: String) throws(JSONError) -> [String: Quantity] {
        guard let node = try optionalObject(key) else { return [:] }
        var quantities: [String: Quantity] = [:]
        for (name, value) in node.members.entries {
            let text = value.stringValue ?? value.integerValue.map(String.init)
            guard let quantity = text.flatMap(Quantity.init) else {
                throw JSONError(path: node.path(of: name), "expected a quantity such as 500m or 2Gi")
            }
            quantities[name] = quantity
        }
        return quantities
    }

    /// The names in an array of `{"name": …}`.
    func optionalNames(_ key: String) throws(JSONError) -> [String] {
        var names: [String] = []
        for node in try optionalObjects(key) ?? [] {
            if let name = try node.optionalString("name"), !name.isEmpty { names.append(name) }
        }
        return names
    }
}
