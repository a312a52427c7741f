internal import Encoding
package import HTTPTransport
package import JSON

/// A call to Azure Resource Manager.
package struct ARMRequest: Sendable {
    /// `GET`, `PUT`, `PATCH`, `POST`, `DELETE`.
    package var method: String
    /// The path from the root, percent-encoded: `/subscriptions/...`.
    package var path: String
    /// The version of the API, a date such as `2024-07-01`: see ``APIVersion``.
    package var apiVersion: String
    /// The parameters in addition to the api-version, not yet encoded.
    package var query: [(name: String, value: String)] = []
    /// The header fields in addition to those of every call.
    package var headers: HTTPHeaders = [:]
    /// The document to send; nil: no body.
    package var body: JSONValue?
    /// The time limit of one try.
    package var timeLimit = Duration.seconds(60)

    /// A call of `path`, which starts with `/` and has no query.
    package init(_ method: String, _ path: String, apiVersion: String, body: JSONValue? = nil) {
        self.method = method
        self.path = path
        self.apiVersion = apiVersion
        self.body = body
    }

    /// The name in messages: `PUT virtualMachines/podvm-x`.
    package var name: String {
        "\(method) \(path.split(separator: "/").suffix(2).joined(separator: "/"))"
    }

    /// The part after the host, as it is sent.
    var target: String {
        "\(path)?\(PercentCoding.encoded([("api-version", apiVersion)] + query))"
    }

    /// Whether repeated requests have the same effect as a single request. PUT and DELETE name the resource.
    var isIdempotent: Bool { ["GET", "HEAD", "PUT", "DELETE"].contains(method) }
}

/// An answer of ARM: always a 2xx.
package struct ARMAnswer: Sendable {
    /// The HTTP status, 200 to 299.
    package var status: Int
    /// The header fields of the answer.
    package var headers: HTTPHeaders
    /// Nil when there was no body.
    package var body: JSONValue?
    /// `x-ms-request-id`, or another id of the answer.
    package var requestID: String?
    /// This client's id, which reads of the operation carry, too.
    package var clientRequestID: String?

    /// An answer with an optional document as its body.
    package init(status: Int, headers: HTTPHeaders = [:], body: JSONValue? = nil, requestID: String? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.requestID = requestID
    }
}
