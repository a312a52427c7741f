internal import JSON

/// What the metadata service knows and the pod must not: the VM's user data, with the keys of the tunnel in it.
public enum MetadataSecrets {
    private static let names: Set = ["userdata", "customdata"]

    /// Whether a name, in lower case, is one of theirs.
    static func isSecret(_ name: String) -> Bool { names.contains(name) }

    /// `document` without them, at whatever depth and however their names are written; nil if it is not JSON.
    public static func removed(from document: [UInt8]) -> [UInt8]? {
        guard
            let value = try? JSONValue(
                parsing: document, limits: JSONLimits(size: PodMetadataRelay.bodyLimit, depth: 32))
        else { return nil }
        return without(value).encoded()
    }

    private static func without(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object):
            .object(
                JSONObject(
                    object.entries.filter { !isSecret($0.key.lowercased()) }.map { ($0.key, without($0.value)) }))
        case .array(let elements): .array(elements.map(without))
        default: value
        }
    }
}
