package import JSON

/// The faults of the fake API server.
package struct APIScenario: Equatable, Sendable {
    /// The faults, in the order in which they happen to a request.
    package var faults: [APIFault] = []
    /// The plurals of the kinds that the server does not have, as without their CustomResourceDefinition.
    package var missing: Set<String> = []

    /// A server without faults, or with these.
    package init(_ faults: [APIFault] = [], missing: Set<String> = []) {
        self.faults = faults
        self.missing = missing
    }

    /// Parses a scenario. Every member is optional, and unknown members are errors.
    ///
    ///     {"faults": [{"verb": "patch", "resource": "nodes/status", "name": "node-*", "user": "adaptor", "first": 2,
    ///                  "percent": 50, "do": "refuse", "status": 429, "reason": "TooManyRequests", "message": "...",
    ///                  "retry-after": 3}],
    ///      "missing": ["peerpods"]}
    ///
    /// The values of `do`, and the further members for each:
    ///
    ///     refuse (status, reason, message, retry-after)    expire    delay (seconds)    hang    drop-before    drop-after
    ///     html (status)    truncate    oversize (bytes)    cut
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let root = try JSONNode(JSONValue(parsing: bytes))
        try root.knows(["faults", "missing"])
        for node in try root.optionalObjects("faults") ?? [] { faults.append(try APIFault(node)) }
        for (index, plural) in (try root.optionalStrings("missing") ?? []).enumerated() {
            guard APIResource.all.contains(where: { $0.plural == plural }) else {
                throw JSONError(path: "missing[\(index)]", "is not the plural of a kind that this server has")
            }
            missing.insert(plural)
        }
    }
}

extension APIFault {
    private static let keys = [
        "verb", "resource", "name", "user", "first", "percent", "do", "status", "reason", "message", "retry-after",
        "seconds", "bytes",
    ]
    private static let verbs = ["*", "get", "list", "watch", "create", "update", "patch", "delete"]
    private static let actions = [
        "refuse", "expire", "delay", "hang", "drop-before", "drop-after", "html", "truncate", "oversize", "cut",
    ]

    init(_ node: JSONNode) throws(JSONError) {
        try node.knows(Self.keys)
        self.init(try Self.action(node))
        verb = try node.word("verb", Self.verbs) ?? "*"
        resource = try node.optionalString("resource") ?? "*"
        name = try node.optionalString("name") ?? "*"
        user = try node.optionalString("user") ?? "*"
        first = Int(try node.number("first", in: 0...1_000_000) ?? 0)
        percent = try node.number("percent", in: 0...100) ?? 100
        retryAfter = try node.number("retry-after", in: 0...86_400).map { Int($0) }
    }

    private static func action(_ node: JSONNode) throws(JSONError) -> Action {
        switch try node.word("do", actions) ?? "refuse" {
        case "refuse":
            guard let status = try node.number("status", in: 400...599) else {
                throw JSONError(path: node.path(of: "status"), "is missing: a refusal needs it, such as 503")
            }
            return .refuse(
                status: Int(status), reason: try node.optionalString("reason") ?? "InternalError",
                message: try node.optionalString("message") ?? "The scenario says so.")
        case "expire": return .expire
        case "delay":
            return .delay(.milliseconds(Int64((try node.number("seconds", in: 0...86_400) ?? 1) * 1000)))
        case "hang": return .hang
        case "drop-before": return .dropBefore
        case "drop-after": return .dropAfter
        case "html": return .html(status: Int(try node.number("status", in: 100...599) ?? 502))
        case "truncate": return .truncate
        case "oversize": return .oversize(bytes: Int(try node.number("bytes", in: 1...268_435_456) ?? 10_485_760))
        default: return .cut
        }
    }
}

extension JSONNode {
    /// - Throws: for an unknown member: a misspelt one would be a fault that never happens.
    fileprivate func knows(_ keys: [String]) throws(JSONError) {
        for key in members.keys where !keys.contains(key) {
            throw JSONError(path: path(of: key), "is not known; known are \(keys.joined(separator: ", "))")
        }
    }

    fileprivate func word(_ key: String, _ words: [String]) throws(JSONError) -> String? {
        guard let text = try optionalString(key) else { return nil }
        guard words.contains(text) else {
            throw JSONError(path: path(of: key), "must be one of \(words.joined(separator: ", "))")
        }
        return text
    }

    fileprivate func number(_ key: String, in range: ClosedRange<Double>) throws(JSONError) -> Double? {
        guard let number = try optionalNumber(key) else { return nil }
        guard range.contains(number) else {
            throw JSONError(
                path: path(of: key),
                "must be from \(Int(range.lowerBound)) to \(Int(range.upperBound)), and is \(number)")
        }
        return number
    }
}
