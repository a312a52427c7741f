internal import HTTPTransport
internal import JSON

extension HTTPResponse {
    /// A JSON document.
    static func json(_ value: JSONValue, status: Int = 200, headers: HTTPHeaders = [:]) -> HTTPResponse {
        var response = HTTPResponse(status: status, headers: headers, body: value.encoded())
        response.headers.add("Content-Type", "application/json; charset=utf-8")
        return response
    }
}
