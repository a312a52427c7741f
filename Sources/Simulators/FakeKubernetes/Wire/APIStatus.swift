internal import HTTPTransport
internal import JSON

/// A failure as the API server reports it: a Status object.
struct APIStatus: Error {
    var code: Int
    var reason: String
    var message: String
    var details = JSONObject()
    var retryAfter: Int?

    init(_ code: Int, _ reason: String, _ message: String) {
        self.code = code
        self.reason = reason
        self.message = message
    }

    static func notFound(_ resource: APIResource, _ name: String) -> APIStatus {
        var status = APIStatus(404, "NotFound", "\(resource.qualified) \"\(name)\" not found")
        status.name(resource, name)
        return status
    }

    static func invalid(_ resource: APIResource, _ name: String, _ field: String, _ message: String) -> APIStatus {
        var status = APIStatus(422, "Invalid", "\(resource.kind) \"\(name)\" is invalid: \(field): \(message)")
        status.name(resource, name)
        status.details["causes"] = [
            ["reason": "FieldValueInvalid", "message": .string(message), "field": .string(field)]
        ]
        return status
    }

    static func badRequest(_ message: String) -> APIStatus { APIStatus(400, "BadRequest", message) }

    /// A JSON patch that is not possible: the real server has the same text for every reason.
    static let impossiblePatch = APIStatus(
        422, "Invalid", "the server rejected our request due to an error in our request")

    mutating func name(_ resource: APIResource, _ name: String) {
        details["name"] = .string(name)
        if !resource.group.isEmpty { details["group"] = .string(resource.group) }
        // The details have the plural in the member `kind`.
        details["kind"] = .string(resource.plural)
    }

    var json: JSONValue {
        var details = details
        if let retryAfter { details["retryAfterSeconds"] = .integer(Int64(retryAfter)) }
        return [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "details": .object(details), "code": .integer(Int64(code)),
        ]
    }

    var response: HTTPResponse {
        var response = HTTPResponse.api(json, status: code)
        if let retryAfter { response.headers["Retry-After"] = String(retryAfter) }
        return response
    }
}

extension APIResource {
    /// `pods`, or `peerpods.confidentialcontainers.org`.
    var qualified: String { group.isEmpty ? plural : "\(plural).\(group)" }
}

extension HTTPResponse {
    /// An answer of JSON.
    static func api(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "application/json"], body: value.encoded() + [UInt8(ascii: "\n")])
    }
}
