internal import JSON

extension StepHistory {
    /// The member `history` of a record; nil without steps.
    var json: JSONValue? { steps.isEmpty ? nil : .array(steps.map(\.json)) }

    /// Reads the member `history`, which records of earlier versions lack.
    init(in node: JSONNode) throws(JSONError) {
        self.init()
        for step in (try node.optionalObjects("history") ?? []).suffix(Self.limit) { append(try SandboxStep(step)) }
    }
}

extension SandboxStep {
    fileprivate var json: JSONValue {
        var object = JSONObject([("step", .string(kind.rawValue)), ("at", .integer(time))])
        for (name, text) in [("place", place), ("code", code), ("detail", detail)] where !text.isEmpty {
            object[name] = .string(text)
        }
        return .object(object)
    }

    fileprivate init(_ node: JSONNode) throws(JSONError) {
        self.init(
            Kind(rawValue: try node.string("step")), at: try node.integer("at"),
            place: try node.optionalString("place") ?? "", code: try node.optionalString("code") ?? "",
            detail: try node.optionalString("detail") ?? "")
    }
}

extension Requirements {
    /// Adds the members of a record for what ``Requirements`` says of technologies and origin.
    func write(to object: inout JSONObject) {
        object["tees"] = tees.map { .array($0.map(\.rawValue).sorted().map(JSONValue.string)) }
        if origin != .request { object["sizedBy"] = .string(origin.rawValue) }
    }

    /// Reads these members.
    mutating func read(_ node: JSONNode) throws(JSONError) {
        tees = try node.optionalStrings("tees").map { names throws(JSONError) in
            guard let set = TEE.set(names.joined(separator: ",")) else {
                throw JSONError(path: "tees", "has a technology that this version of the adaptor does not know")
            }
            return set
        }
        origin = try node.optionalString("sizedBy").flatMap(Origin.init) ?? .request
    }
}

extension InstancePlace {
    /// Adds the members of a record for a place.
    func write(to object: inout JSONObject) {
        object["size"] = .string(size)
        object["zone"] = zone.map(JSONValue.string)
        object["tee"] = tee.map { .string($0.rawValue) }
    }

    /// Reads these members; nil without a size.
    init?(in node: JSONNode) throws(JSONError) {
        guard let size = try node.optionalString("size") else { return nil }
        self.init(
            size: size, zone: try node.optionalString("zone"), tee: try node.optionalString("tee").flatMap(TEE.init))
    }
}
