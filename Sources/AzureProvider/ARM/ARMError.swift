/// Why a call to Azure Resource Manager, or the operation that it began, did not succeed.
package struct ARMError: Error, Sendable, CustomStringConvertible {
    /// How far the call came, which decides whether it may be sent again.
    package enum Kind: Hashable, Sendable {
        /// ARM answered, with this status.
        case refused(status: Int)
        /// ARM accepted the request, and failed later.
        case operationFailed
        /// No byte of the request was sent: ARM has done nothing.
        case notSent
        /// The request was sent, and no answer came in time: ARM may have carried it out.
        case unanswered
        /// The answer is not a valid answer of ARM.
        case malformed
        /// There is no token for the call.
        case credential
        /// The task of the call was cancelled.
        case cancelled
    }

    /// How far the call came.
    package var kind: Kind
    /// The operation and its object: `PUT virtualMachines/podvm-x`.
    package var operation: String
    /// ARM's code, or empty.
    package var code: String
    /// ARM's message, or this client's.
    package var message: String
    /// The field or the resource that the error is about.
    package var target: String?
    /// The last of the nested details, which is the root cause.
    package var innermost: (code: String, message: String)?
    /// The ids by which Azure support finds the call.
    package var ids = RequestIDs()
    /// The wait before the next call that ARM asks for.
    package var retryAfter: Duration?

    /// An error of the operation that is named `PUT virtualMachines/podvm-x` in messages; `code` is ARM's, or empty.
    package init(_ kind: Kind, during operation: String, code: String = "", _ message: String) {
        self.kind = kind
        self.operation = operation
        self.code = code
        self.message = message
    }

    /// The id that Microsoft's support asks for.
    package var requestID: String? { ids.request }

    /// The status, if ARM answered.
    package var status: Int? { if case .refused(let status) = kind { status } else { nil } }

    /// Whether the object of the call does not exist (404).
    package var isNotFound: Bool { status == 404 }

    /// Whether ARM named this code, in the outer error or at the root of the details.
    func hasCode(_ code: String) -> Bool {
        [self.code, innermost?.code ?? ""].contains { $0.lowercased() == code.lowercased() }
    }

    /// Operation, status, code, message, root cause and ids, in one line.
    package var description: String { "\(operation): \(detail)" }

    /// The description without the operation.
    package var detail: String {
        var parts: [String] = []
        switch kind {
        case .refused(let status): parts.append("HTTP \(status)")
        case .operationFailed: parts.append("the operation failed")
        case .notSent: parts.append("the request was not sent")
        case .unanswered: parts.append("no answer")
        case .malformed: parts.append("not an answer of Azure Resource Manager")
        case .credential: parts.append("no token")
        case .cancelled: parts.append("cancelled")
        }
        if !code.isEmpty { parts.append(code) }
        if !message.isEmpty { parts.append(message) }
        if let target { parts.append("target \(target)") }
        if let innermost { parts.append("because of \(innermost.code): \(innermost.message)") }
        let text = parts.joined(separator: ": ")
        return ids.isEmpty ? text : "\(text) (\(ids))"
    }
}

/// The ids by which Microsoft's support finds a request.
package struct RequestIDs: Equatable, Sendable, CustomStringConvertible {
    /// `x-ms-request-id`
    package var request: String?
    /// `x-ms-correlation-request-id`
    package var correlation: String?
    /// `x-ms-routing-request-id`: region, time and id of ARM's front end.
    package var routing: String?
    /// This client's id: one for a call and all its tries.
    package var client: String?

    /// No ids: nothing was sent.
    package init() {}

    var isEmpty: Bool { request == nil && correlation == nil && routing == nil && client == nil }

    /// The known ids, such as `request id 3fa8, correlation id 91bc`; empty without any.
    package var description: String {
        [("request id", request), ("correlation id", correlation), ("routing id", routing), ("client id", client)]
            .compactMap { name, id in id.map { "\(name) \($0)" } }.joined(separator: ", ")
    }
}
