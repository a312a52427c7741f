internal import HTTPTransport
internal import JSON

/// A refusal of ARM, as its answer has it: `{"error":{"code","message","target","details"}}`.
struct FakeARMFault: Error, Equatable, Sendable {
    var status: Int
    var code: String
    var message: String
    /// The field of the request.
    var target: String?
    var details: [JSONValue] = []
    var headers: HTTPHeaders = [:]
    /// Whether ARM itself refused, not a resource provider.
    var isGateway = false

    init(_ status: Int, _ code: String, _ message: String, target: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.target = target
    }

    /// The value of `error` in an answer or an operation.
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

extension FakeARMFault {
    init(_ status: Int, _ code: String, _ message: String, isGateway: Bool) {
        self.init(status, code, message)
        self.isGateway = isGateway
    }

    /// The refusal for a resource that does not exist.
    static func notFound(type: String, name: String, group: String) -> FakeARMFault {
        FakeARMFault(
            404, "ResourceNotFound",
            "The Resource '\(type)/\(name)' under resource group '\(group)' was not found. For more details please go "
                + "to https://aka.ms/ARMResourceNotFoundFix", isGateway: true)
    }

    static func notFound(_ id: FakeResourceID) -> FakeARMFault {
        notFound(type: id.kind.typeName, name: id.name, group: id.group)
    }
}
