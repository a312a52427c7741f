package import HTTPTransport
package import JSON

/// A call to Azure Resource Manager.
package struct ARMRequest: Sendable {
    /// `GET`, `PUT`, `PATCH`, `POST`, `DELETE`.
    package var method: String
    /// From the root, percent-encoded: `/subscriptions/...`.
    package var path: String
    package var apiVersion: String
    /// Beside the api-version, not yet encoded.
    package var query: [(name: String, value: String)] = []
    /// Beside those that every call has.
    package var headers: HTTPHeaders = [:]
    package var body: JSONValue?

    package init(_ method: String, _ path: String, apiVersion: String, body: JSONValue? = nil) {
        self.method = method
        self.path = path
        self.apiVersion = apiVersion
        self.body = body
    }
}

/// What ARM answered: always a 2xx.
package struct ARMAnswer: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    /// Nil when there was no body.
    package var body: JSONValue?
    /// `x-ms-request-id`, or what comes nearest.
    package var requestID: String?
}
