internal import HTTPTransport
internal import JSON

extension HTTPResponse {
    /// A JSON document.
    static func json(_ value: JSONValue, status: Int = 200, headers: HTTPHeaders = [:]) -> HTTPResponse {
        json(text: value.encoded(), status: status, headers: headers)
    }

    /// A JSON document that is already encoded.
    static func json(text: [UInt8], status: Int = 200, headers: HTTPHeaders = [:]) -> HTTPResponse {
        var response = HTTPResponse(status: status, headers: headers, body: text)
        response.headers.add("Content-Type", "application/json; charset=utf-8")
        return response
    }
}

extension JSONObject {
    /// The members as written.
    init(members: KeyValuePairs<String, JSONValue>) { self.init(members.lazy.map { ($0.key, $0.value) }) }
}
