internal import HTTPTransport
internal import JSON

/// The questions about users and rights.
struct Reviews {
    let rules: AccessRules
    let user: String

    /// The answer to a review; nil for another request.
    func answer(_ request: HTTPRequest) throws(APIStatus) -> HTTPResponse? {
        guard request.method == "POST", let kind = Self.kinds[request.path] else { return nil }
        if request.headers["Content-Type"]?.contains("protobuf") == true {
            throw APIStatus(
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json")
        }
        guard let body = try? JSONValue(parsing: request.body), var review = body.objectValue else {
            throw .badRequest("error decoding the body")
        }
        review["status"] = status(kind, review["spec"] ?? [:])
        return .api(.object(review), status: 201)
    }

    private enum Kind { case token, access, ownAccess }

    private static let kinds: [String: Kind] = [
        "/apis/authentication.k8s.io/v1/tokenreviews": .token,
        "/apis/authorization.k8s.io/v1/subjectaccessreviews": .access,
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": .ownAccess,
    ]

    private func status(_ kind: Kind, _ spec: JSONValue) -> JSONValue {
        if kind == .token {
            guard let name = spec["token"]?.stringValue.flatMap({ rules.tokens[$0] }) else {
                return ["user": [:], "error": "invalid bearer token"]
            }
            return ["authenticated": true, "user": ["username": .string(name)]]
        }
        let subject = kind == .access ? spec["user"]?.stringValue ?? "" : user
        let attributes = spec["resourceAttributes"]
        let sub = attributes?["subresource"]?.stringValue ?? ""
        let resource =
            spec["nonResourceAttributes"]?["path"]?.stringValue
            ?? (attributes?["resource"]?.stringValue ?? "") + (sub.isEmpty ? "" : "/\(sub)")
        let verb = attributes?["verb"]?.stringValue ?? spec["nonResourceAttributes"]?["verb"]?.stringValue ?? ""
        return ["allowed": .bool(rules.allows(subject, verb, resource))]
    }
}
