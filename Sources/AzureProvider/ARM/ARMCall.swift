internal import HTTPTransport
internal import JSON
internal import Telemetry

/// A request that is being sent: the parts that are the same at each try.
struct ARMCall: Sendable {
    /// The name in messages: `PUT virtualMachines/podvm-x`.
    let name: String
    let callClass: CallClass
    let isIdempotent: Bool
    /// The id of all tries, and of reading the operation that the call begins.
    let clientID: String
    private let request: OutgoingRequest

    /// A request that this adaptor made.
    init(_ request: ARMRequest, at endpoint: String, id: String, isList: Bool = false) {
        self.init(
            request.method, endpoint + request.target, named: request.name, id: id, isList: isList,
            isIdempotent: request.isIdempotent, headers: request.headers, body: request.body,
            timeLimit: request.timeLimit)
    }

    /// A GET of a URL that ARM returned, and that was checked to lead to ARM.
    init(getting url: String, named name: String, id: String, isList: Bool = false) {
        self.init("GET", url, named: name, id: id, isList: isList, isIdempotent: true)
    }

    private init(
        _ method: String, _ url: String, named name: String, id: String, isList: Bool, isIdempotent: Bool,
        headers: HTTPHeaders = [:], body: JSONValue? = nil, timeLimit: Duration = .seconds(60)
    ) {
        self.name = name
        self.isIdempotent = isIdempotent
        callClass = CallClass(method: method, isList: isList)
        clientID = id
        var request = OutgoingRequest(method, url, headers: headers, body: body?.encoded() ?? [])
        request.headers["Accept"] = "application/json"
        if body != nil { request.headers["Content-Type"] = "application/json" }
        request.headers["x-ms-client-request-id"] = id
        request.timeLimit = timeLimit
        self.request = request
    }

    var method: String { request.method }

    /// The request to send.
    func outgoing(with token: AccessToken, limit: Int) -> OutgoingRequest {
        var request = request
        request.headers["Authorization"] = "Bearer \(token.value.reveal())"
        request.responseLimit = limit
        return request
    }

    /// An error about this call.
    func error(_ kind: ARMError.Kind, code: String = "", _ message: String) -> ARMError {
        var error = ARMError(kind, during: name, code: code, message)
        error.ids.client = clientID
        return error
    }
}
