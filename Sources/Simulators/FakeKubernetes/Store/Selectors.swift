internal import JSON

/// The objects that a list or a watch asks for.
struct Selectors: Sendable {
    private var fields: [(path: String, value: String, isEqual: Bool)] = []
    private var labels: [(name: String, value: String?, isEqual: Bool)] = []

    /// - Throws: 400 for a field that the kind does not support.
    init(fields fieldText: String?, labels labelText: String?, for resource: APIResource) throws(APIStatus) {
        for part in (fieldText ?? "").split(separator: ",") {
            let (path, value, isEqual) = Self.condition(part)
            guard let value else { throw .badRequest("invalid selector: \(part)") }
            guard Self.fields(of: resource).contains(path) else {
                throw .badRequest("field label not supported: \(path)")
            }
            fields.append((path, value, isEqual))
        }
        labels = (labelText ?? "").split(separator: ",").map(Self.condition)
    }

    func match(_ object: JSONObject) -> Bool {
        let labels = object.metadata["labels"]
        return fields.allSatisfy { (object.text(at: $0.path) == $0.value) == $0.isEqual }
            && self.labels.allSatisfy { name, value, isEqual in
                guard let value else { return labels?[name] != nil }
                return (labels?[name]?.stringValue == value) == isEqual
            }
    }

    private static func condition(_ text: Substring) -> (String, String?, Bool) {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            let parts = text.split(separator: sign, maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { return (String(parts[0]), String(parts[1]), isEqual) }
        }
        return (String(text), nil, true)
    }

    private static func fields(of resource: APIResource) -> [String] {
        let common = ["metadata.name"] + (resource.isNamespaced ? ["metadata.namespace"] : [])
        return switch resource.plural {
        case "pods": common + ["spec.nodeName", "status.phase", "spec.serviceAccountName"]
        case "nodes": common + ["spec.unschedulable"]
        case "secrets": common + ["type"]
        case "events":
            common + ["name", "namespace", "uid", "kind"].map { "involvedObject.\($0)" } + ["reason", "type"]
                + ["name", "namespace", "uid", "kind"].map { "regarding.\($0)" }
        default: common
        }
    }
}
