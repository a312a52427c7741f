internal import HTTPTransport
internal import JSON

/// An error of ARM, in any of the forms that ARM's providers use.
struct ARMFault: Equatable, Sendable {
    var code = ""
    var message = ""
    var target: String?
    /// Code and message of the innermost of `details`, or of `innererror`, if there are any.
    var root: ARMFault.Root?

    struct Root: Equatable, Sendable {
        var code: String
        var message: String
    }

    /// Nil if `value` has no error.
    ///
    ///     {"error": {"code", "message", "target", "details": [{…}], "innererror": {…}}}
    ///     {"code", "message"}                  some providers
    ///     {"error": "…", "error_description"}  Entra ID's way, and the metadata service's
    init?(_ value: JSONValue?) {
        guard let value else { return nil }
        if let text = value.member("error")?.stringValue {
            code = LogText.sanitized(text, limit: 128)
            message = LogText.sanitized(value.member("error_description")?.stringValue ?? "")
            return
        }
        let error = value.member("error") ?? value
        guard let own = Root(error) else { return nil }
        code = own.code
        message = own.message
        target = error.member("target")?.stringValue.map { LogText.sanitized($0, limit: 512) }
        // The parser's limit on depth also limits this loop.
        var inner = Self.detail(of: error)
        while let next = inner {
            root = Root(next) ?? root
            inner = Self.detail(of: next)
        }
    }

    private static func detail(of error: JSONValue) -> JSONValue? {
        error.member("details")?.arrayValue?.first { Root($0) != nil } ?? error.member("innererror")
    }
}

extension ARMFault.Root {
    /// Nil if there is neither code nor message.
    fileprivate init?(_ error: JSONValue) {
        let code = error.member("code").flatMap { $0.stringValue ?? $0.lenientInteger.map(String.init) }
        let message = error.member("message")?.stringValue
        if code == nil, message == nil { return nil }
        self.code = LogText.sanitized(code ?? "", limit: 128)
        self.message = LogText.sanitized(message ?? "")
    }
}

extension ARMError {
    /// Copies ARM's code and message.
    mutating func take(_ fault: ARMFault) {
        code = fault.code
        message = fault.message
        target = fault.target
        innermost = fault.root.map { ($0.code, $0.message) }
    }
}

extension RequestIDs {
    /// The ids of an answer; `client` is the request's id.
    init(_ headers: HTTPHeaders, client: String) {
        func id(_ name: String) -> String? {
            headers[name].flatMap { $0.isEmpty ? nil : LogText.sanitized($0, limit: 160) }
        }
        request = id("x-ms-request-id")
        correlation = id("x-ms-correlation-request-id")
        routing = id("x-ms-routing-request-id")
        self.client = client
    }
}
