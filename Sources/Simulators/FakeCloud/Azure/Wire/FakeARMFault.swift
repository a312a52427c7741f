internal import HTTPTransport
internal import JSON

/// ARM's "no", as its answer says it: `{"error":{"code","message","target","details"}}`.
struct FakeARMFault: Error, Equatable, Sendable {
    var status: Int
    var code: String
    var message: String
    /// Which field of the request.
    var target: String?
    var details: [JSONValue] = []
    var headers: HTTPHeaders = [:]
    /// Whether ARM itself refused, and no resource provider.
    var isGateway = false

    init(_ status: Int, _ code: String, _ message: String, target: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.target = target
    }

    /// What stands after `"error":`, in an answer and in an operation alike.
    var body: JSONValue {
        var members = JSONObject(members: ["code": .string(code)])
        if let target { members["target"] = .string(target) }
        members["message"] = .string(message)
        if !details.isEmpty { members["details"] = .array(details) }
        return .object(members)
    }

    init(parsing value: JSONValue) {
        self.init(200, value["code"]?.stringValue ?? "", value["message"]?.stringValue ?? "")
        target = value["target"]?.stringValue
        details = value["details"]?.arrayValue ?? []
    }
}
