/// A type that returns members by name and type. Its errors name the place in the document.
///
/// A missing required member, or one that is `null` or has another type, is an error. An optional member may be missing
/// or `null`.
public protocol JSONReadable {
    /// The members.
    var members: JSONObject { get }
    /// The place of these members in the document. Empty at the top.
    var path: String { get }
    /// Whether keys match without regard to case, as in Go's encoding/json.
    var ignoresCase: Bool { get }
}

/// An object and its place in the document.
public struct JSONNode: JSONReadable, Sendable {
    /// The members of the object.
    public let members: JSONObject
    /// The path of the object in its document, such as `properties.storage`; empty for the document itself.
    public let path: String
    /// Whether names of members match without regard to case.
    public let ignoresCase: Bool

    /// Makes the node of an object. Throws if `value` is not an object.
    public init(_ value: JSONValue, path: String = "", ignoresCase: Bool = false) throws(JSONError) {
        guard case .object(let members) = value else {
            throw JSONError(path: path, "expected an object, found \(value.kind)")
        }
        self.members = members
        self.path = path
        self.ignoresCase = ignoresCase
    }
}

extension JSONObject: JSONReadable {
    /// The object itself.
    public var members: JSONObject { self }
    /// Empty: the object is the document.
    public var path: String { "" }
    /// False: names match exactly.
    public var ignoresCase: Bool { false }
}

extension JSONReadable {
    /// The path of a member.
    public func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The member, or nil if it is missing or `null`. Throws if case is ignored and two keys differ only in case.
    public func optionalValue(_ key: String) throws(JSONError) -> JSONValue? {
        guard ignoresCase else { return members[key] == .null ? nil : members[key] }
        let folded = key.lowercased()
        var found: JSONValue?
        for entry in members.entries where entry.key.utf8.count == folded.utf8.count {
            guard entry.key.lowercased() == folded else { continue }
            guard found == nil else { throw JSONError(path: path(of: key), "occurs twice: keep one") }
            found = entry.value
        }
        return found == .null ? nil : found
    }

    /// The member as a string, or nil.
    public func optionalString(_ key: String) throws(JSONError) -> String? {
        try optional(key, "a string", \.stringValue)
    }

    /// The member as a whole number, or nil.
    public func optionalInteger(_ key: String) throws(JSONError) -> Int64? {
        try optional(key, "a whole number", \.integerValue)
    }

    /// The member as a number, or nil.
    public func optionalNumber(_ key: String) throws(JSONError) -> Double? {
        try optional(key, "a number", \.numberValue)
    }

    /// The member as a truth value, or nil.
    public func optionalBool(_ key: String) throws(JSONError) -> Bool? {
        try optional(key, "true or false", \.boolValue)
    }

    /// The member as an array, or nil.
    public func optionalArray(_ key: String) throws(JSONError) -> [JSONValue]? {
        try optional(key, "an array", \.arrayValue)
    }

    /// The member as an object, or nil.
    public func optionalObject(_ key: String) throws(JSONError) -> JSONNode? {
        guard let value = try optionalValue(key) else { return nil }
        return try JSONNode(value, path: path(of: key), ignoresCase: ignoresCase)
    }

    /// The member as an array of objects, or nil.
    public func optionalObjects(_ key: String) throws(JSONError) -> [JSONNode]? {
        guard let elements = try optionalArray(key) else { return nil }
        var nodes: [JSONNode] = []
        for (index, element) in elements.enumerated() {
            nodes.append(try JSONNode(element, path: "\(path(of: key))[\(index)]", ignoresCase: ignoresCase))
        }
        return nodes
    }

    /// The member as an array of strings, or nil.
    public func optionalStrings(_ key: String) throws(JSONError) -> [String]? {
        guard let elements = try optionalArray(key) else { return nil }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.stringValue else {
                throw JSONError(path: "\(path(of: key))[\(index)]", "expected a string, found \(element.kind)")
            }
            strings.append(text)
        }
        return strings
    }

    /// The member as a string.
    public func string(_ key: String) throws(JSONError) -> String {
        try required(key, "a string", optionalString(key))
    }

    /// The member as a whole number.
    public func integer(_ key: String) throws(JSONError) -> Int64 {
        try required(key, "a whole number", optionalInteger(key))
    }

    /// The member as a number.
    public func number(_ key: String) throws(JSONError) -> Double {
        try required(key, "a number", optionalNumber(key))
    }

    /// The member as a truth value.
    public func bool(_ key: String) throws(JSONError) -> Bool {
        try required(key, "true or false", optionalBool(key))
    }

    /// The member as an array.
    public func array(_ key: String) throws(JSONError) -> [JSONValue] {
        try required(key, "an array", optionalArray(key))
    }

    /// The member as an object.
    public func object(_ key: String) throws(JSONError) -> JSONNode {
        try required(key, "an object", optionalObject(key))
    }

    /// The member as an array of objects.
    public func objects(_ key: String) throws(JSONError) -> [JSONNode] {
        try required(key, "an array", optionalObjects(key))
    }

    /// The member as an array of strings.
    public func strings(_ key: String) throws(JSONError) -> [String] {
        try required(key, "an array", optionalStrings(key))
    }

    private func optional<Value>(
        _ key: String, _ wanted: String, _ read: (JSONValue) -> Value?
    ) throws(JSONError) -> Value? {
        guard let value = try optionalValue(key) else { return nil }
        guard let result = read(value) else {
            throw JSONError(path: path(of: key), "expected \(wanted), found \(value.kind)")
        }
        return result
    }

    private func required<Value>(_ key: String, _ wanted: String, _ value: Value?) throws(JSONError) -> Value {
        if let value { return value }
        let isThere = members.entries.contains { $0.key.lowercased() == key.lowercased() && $0.value == .null }
        throw JSONError(path: path(of: key), "expected \(wanted), found \(isThere ? "null" : "nothing")")
    }
}
