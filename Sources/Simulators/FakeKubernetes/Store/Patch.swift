internal import JSON

/// The patches that an API server knows.
enum Patch {
    /// A merge patch (RFC 7396): null removes a member.
    static func merge(_ patch: JSONValue, into target: JSONValue?) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target?.objectValue ?? JSONObject()
        for (key, value) in changes.entries {
            result[key] = value == .null ? nil : merge(value, into: result[key])
        }
        return .object(result)
    }

    /// The lists that a strategic patch merges, and the member that identifies their elements.
    private static let mergeKeys = [
        "containers": "name", "initContainers": "name", "conditions": "type", "addresses": "type",
        "ownerReferences": "uid", "taints": "key", "env": "name", "volumes": "name", "imagePullSecrets": "name",
    ]

    /// A strategic merge patch, as far as clients of nodes, pods and events need it.
    static func strategic(_ patch: JSONValue, into target: JSONValue?, key: String = "") -> JSONValue {
        switch patch {
        case .object(let changes):
            var result = target?.objectValue ?? JSONObject()
            for (name, value) in changes.entries where !name.hasPrefix("$") {
                result[name] = value == .null ? nil : strategic(value, into: result[name], key: name)
            }
            for (name, value) in changes.entries where name.hasPrefix("$deleteFromPrimitiveList/") {
                let list = String(name.dropFirst("$deleteFromPrimitiveList/".count))
                let gone = value.arrayValue ?? []
                result[list] = result[list]?.arrayValue.map { .array($0.filter { !gone.contains($0) }) }
            }
            return .object(result)
        case .array(let elements):
            var result = target?.arrayValue ?? []
            if key == "finalizers" {
                return .array(result + elements.filter { !result.contains($0) })
            }
            guard let identity = mergeKeys[key] else { return patch }
            for element in elements {
                let place = result.firstIndex { $0[identity] == element[identity] }
                switch (place, element["$patch"]?.stringValue) {
                case (let place?, "delete"): result.remove(at: place)
                case (nil, "delete"): break
                case (let place?, _): result[place] = strategic(element, into: result[place])
                case (nil, _): result.append(strategic(element, into: nil))
                }
            }
            return .array(result)
        default: return patch
        }
    }

    /// A JSON patch (RFC 6902): add, replace, remove and test. Nil if an operation is not possible.
    static func json(_ operations: [JSONValue], on target: JSONValue) throws(APIStatus) -> JSONValue {
        var result = target
        for operation in operations {
            guard let name = operation["op"]?.stringValue, let path = operation["path"]?.stringValue,
                path.isEmpty || path.hasPrefix("/")
            else { throw .badRequest("error decoding patch: an operation has no op or no path") }
            let keys = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
                $0.split(separator: "~1", omittingEmptySubsequences: false).map {
                    $0.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
                }.joined(separator: "/")
            }
            guard let next = apply(name, operation["value"], keys[...], to: result) else { throw .impossiblePatch }
            result = next
        }
        return result
    }

    private static func apply(
        _ name: String, _ value: JSONValue?, _ keys: ArraySlice<String>, to target: JSONValue
    ) -> JSONValue? {
        guard let key = keys.first else {
            return name == "test" ? (target == value ? target : nil) : name == "replace" ? value : nil
        }
        let rest = keys.dropFirst()
        switch target {
        case .object(var object):
            if !rest.isEmpty {
                guard let inner = object[key], let changed = apply(name, value, rest, to: inner) else { return nil }
                object[key] = changed
                return .object(object)
            }
            switch name {
            case "add": object[key] = value ?? .null
            case "replace" where object[key] != nil: object[key] = value ?? .null
            case "remove" where object[key] != nil: object[key] = nil
            case "test" where object[key] == value: break
            default: return nil
            }
            return .object(object)
        case .array(var array):
            if key == "-", rest.isEmpty, name == "add", let value { return .array(array + [value]) }
            guard let index = Int(key), index >= 0, index < array.count + (name == "add" && rest.isEmpty ? 1 : 0) else {
                return nil
            }
            if !rest.isEmpty {
                guard let changed = apply(name, value, rest, to: array[index]) else { return nil }
                array[index] = changed
                return .array(array)
            }
            switch name {
            case "add": array.insert(value ?? .null, at: index)
            case "replace": array[index] = value ?? .null
            case "remove": array.remove(at: index)
            case "test" where array[index] == value: break
            default: return nil
            }
            return .array(array)
        default: return nil
        }
    }
}
