internal import HTTPTransport
internal import JSON
internal import Telemetry

/// A request, with the data that its handling adds for the answer.
struct Exchange: Sendable {
    let request: HTTPRequest
    /// The decoded path segments, without empty ones.
    let segments: [String]
    let received: WallTime
    let requestID = RandomID.guid()
    /// The base of absolute URLs in the answer.
    let endpoint: String
    /// The principal of its token; empty until the token is checked.
    var principal = ""
    var headers = HTTPHeaders()

    init(_ request: HTTPRequest, endpoint: String, at now: WallTime) {
        self.request = request
        self.endpoint = endpoint
        segments = request.segments
        received = now
    }

    var origin: RequestOrigin {
        RequestOrigin(principal: principal, clientRequestID: request.headers["x-ms-client-request-id"] ?? "")
    }

    /// The first value of a query parameter; the case of the name does not matter.
    func query(_ name: String) -> String? {
        request.query.first { $0.name.lowercased() == name }?.value
    }

    /// Adds the headers that every answer of ARM has.
    func finish(_ response: HTTPResponse, region: String) -> HTTPResponse {
        var response = response
        for (name, value) in headers.fields { response.headers.add(name, value) }
        let time = received.description.utf8.prefix(19).filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }
        response.headers.add("x-ms-request-id", requestID)
        response.headers.add("x-ms-correlation-request-id", requestID)
        response.headers.add(
            "x-ms-routing-request-id", "\(region.uppercased()):\(String(decoding: time, as: UTF8.self))Z:\(requestID)")
        if request.headers["x-ms-return-client-request-id"]?.lowercased() == "true",
            let client = request.headers["x-ms-client-request-id"]
        {
            response.headers.add("x-ms-client-request-id", client)
        }
        for (name, value) in Exchange.constantHeaders { response.headers.add(name, value) }
        return response
    }

    private static let constantHeaders = [
        ("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"), ("X-Content-Type-Options", "nosniff"),
    ]
}

extension FakeARMFault {
    /// The HTTP answer of this refusal.
    var response: HTTPResponse {
        var response = HTTPResponse.json(["error": body], status: status, headers: headers)
        if isGateway { response.headers.add("x-ms-failure-cause", "gateway") }
        return response
    }
}
