internal import JSON

/// The values of the metadata service that the pod must not read: the VM's user data, which has the tunnel's keys.
public enum MetadataSecrets {
    private static let names: Set = ["userdata", "customdata"]

    /// Whether a name, in lower case, is the name of a secret.
    static func isSecret(_ name: String) -> Bool { names.contains(name) }

    /// `document` without the secrets, at any depth and in any spelling of their names; nil if it is not JSON.
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
