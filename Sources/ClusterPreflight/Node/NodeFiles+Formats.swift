internal import JSON
internal import LinuxIO
internal import TextFormats

/// The form of a configuration file.
enum TextForm: String {
    case toml = "TOML"
    /// JSON is YAML, too.
    case yaml = "YAML"
}

extension NodeFiles {
    /// The object in a configuration file.
    func object(_ form: TextForm, _ path: String) -> Reading<JSONObject> {
        do {
            guard let bytes = try read(path) else { return .missing }
            let value =
                switch form {
                case .toml: try JSONValue(toml: bytes)
                case .yaml: try JSONValue(yaml: bytes)
                }
            guard let object = value.objectValue else {
                return value == .null ? .found(JSONObject()) : .unreadable("\(path) has no table at its top level")
            }
            return .found(object)
        } catch let error as TextFormatError {
            return .unreadable("\(path) is not \(form.rawValue) that this program reads: \(error)")
        } catch {
            return .unreadable("\(error)")
        }
    }
}

extension JSONObject {
    /// The value below `keys`.
    func value(_ keys: String...) -> JSONValue? { value(at: keys) }

    func value(at keys: [String]) -> JSONValue? {
        guard let first = keys.first else { return .object(self) }
        return keys.dropFirst().reduce(self[first]) { $0?[$1] }
    }

    func text(_ keys: String...) -> String? { value(at: keys)?.stringValue }

    /// This object with the values of `other` over it; objects in both are joined.
    func merged(with other: JSONObject) -> JSONObject {
        var merged = self
        for (key, value) in other.entries {
            if let old = merged[key]?.objectValue, let new = value.objectValue {
                merged[key] = .object(old.merged(with: new))
            } else {
                merged[key] = value
            }
        }
        return merged
    }
}

extension JSONValue {
    /// The texts of a list; empty for another value.
    var texts: [String] { (arrayValue ?? []).compactMap(\.stringValue) }

    /// This value as text, for a message.
    var shown: String { String(decoding: encoded(), as: UTF8.self) }
}
