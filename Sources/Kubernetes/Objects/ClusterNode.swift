package import JSON

/// A Node object.
package struct ClusterNode: Equatable, Sendable {
    /// Name, UID and annotations.
    package let metadata: ObjectMetadata
    /// The resources of the node, as the server has them: `kata.peerpods.io/vm` and others.
    package let capacity: [String: String]
    /// The resources that pods may have.
    package let allocatable: [String: String]

    /// Reads a Node.
    package init(_ object: JSONObject) throws(JSONError) {
        metadata = try ObjectMetadata(of: object)
        let status = try object.optionalObject("status")
        capacity = try status?.optionalTexts("capacity") ?? [:]
        allocatable = try status?.optionalTexts("allocatable") ?? [:]
    }
}
