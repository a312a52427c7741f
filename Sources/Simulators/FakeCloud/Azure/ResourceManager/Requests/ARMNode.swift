internal import JSON

/// An object in a request's body; its errors are ARM's refusals.
///
/// As in ARM, the case of property names does not matter.
struct ARMNode {
    private let node: JSONNode

    var members: JSONObject { node.members }
    /// The path in the body as ARM writes it: without the prefix `properties.`.
    var path: String { node.path }

    init(_ value: JSONValue) throws(FakeARMFault) {
        do { node = try JSONNode(value, ignoresCase: true) } catch { throw .malformed(error) }
    }

    private init(_ node: JSONNode) { self.node = node }

    func node(_ key: String) throws(FakeARMFault) -> ARMNode? {
        do { return try node.optionalObject(key).map(ARMNode.init) } catch { throw .malformed(error) }
    }

    func nodes(_ key: String) throws(FakeARMFault) -> [ARMNode] {
        do { return try (node.optionalObjects(key) ?? []).map(ARMNode.init) } catch { throw .malformed(error) }
    }

    func text(_ key: String) throws(FakeARMFault) -> String? {
        do { return try node.optionalString(key) } catch { throw .malformed(error) }
    }

    func texts(_ key: String) throws(FakeARMFault) -> [String] {
        do { return try node.optionalStrings(key) ?? [] } catch { throw .malformed(error) }
    }

    func integer(_ key: String) throws(FakeARMFault) -> Int64? {
        do { return try node.optionalInteger(key) } catch { throw .malformed(error) }
    }

    func flag(_ key: String) throws(FakeARMFault) -> Bool? {
        do { return try node.optionalBool(key) } catch { throw .malformed(error) }
    }

    /// One of the allowed words, in ARM's spelling.
    @discardableResult
    func choice(_ key: String, _ words: [String], isRequired: Bool = false) throws(FakeARMFault) -> String? {
        guard let text = try text(key) else {
            if isRequired { throw .missing(place(key)) }
            return nil
        }
        guard let word = words.first(where: { $0.lowercased() == text.lowercased() }) else {
            throw FakeARMFault(
                400, "BadRequest",
                "Error converting value \"\(text)\" to type 'System.Nullable`1[\(key)]'. Path '\(place(key))'. "
                    + "Allowed values are \(words.joined(separator: ", ")).", target: key)
        }
        return word
    }

    func requiredText(_ key: String) throws(FakeARMFault) -> String {
        guard let text = try text(key), !text.isEmpty else { throw .missing(place(key)) }
        return text
    }

    func requiredInteger(_ key: String) throws(FakeARMFault) -> Int64 {
        guard let number = try integer(key) else { throw .missing(place(key)) }
        return number
    }

    func requiredNode(_ key: String) throws(FakeARMFault) -> ARMNode {
        guard let child = try node(key) else { throw .missing(place(key)) }
        return child
    }

    func place(_ key: String) -> String { node.path(of: key) }
}

extension FakeARMFault {
    /// The refusal of a body without a required property.
    static func missing(_ place: String) -> FakeARMFault {
        FakeARMFault(
            400, "InvalidParameter", "Required parameter '\(FakeARMFault.short(place))' is missing (null).",
            target: FakeARMFault.short(place))
    }

    /// The refusal of a property with an invalid value.
    static func invalid(_ target: String, _ message: String) -> FakeARMFault {
        FakeARMFault(400, "InvalidParameter", message, target: target)
    }

    /// The refusal of a body that is not JSON or has a value of a wrong type.
    static func malformed(_ error: JSONError) -> FakeARMFault {
        FakeARMFault(
            400, "InvalidRequestContent",
            "The request content was invalid and could not be deserialized: '\(error)'.")
    }

    /// ARM writes paths of a VM's properties without the common prefix.
    private static func short(_ place: String) -> String {
        place.hasPrefix("properties.") ? String(place.dropFirst("properties.".count)) : place
    }
}
