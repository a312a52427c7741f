internal import HTTPTransport
internal import JSON

/// A long-running operation: work that ARM does after its answer.
///
/// The answer says where the operation's end can be read: the header `Azure-AsyncOperation`, else `Location`, else the
/// resource's own `provisioningState` (azure-core's base_polling, Microsoft's "Track asynchronous Azure operations").
struct ARMOperation: Sendable {
    /// The URL or resource to read.
    enum Place: Equatable, Sendable {
        /// An operation with a `status`. The URL is signed, and must not be changed.
        case status(url: String)
        /// A URL that answers 202 while the operation runs, and then the answer of the request itself.
        case result(url: String)
        /// The resource itself.
        case resource
    }

    /// The operation's state.
    enum Status: Sendable {
        /// ARM may say when to read the operation again.
        case running(retryAfter: Duration?)
        case succeeded
        case failed(ARMError)
        /// ARM does not know the operation any more, and does not report how it ended: read the resource.
        case vanished
    }

    /// The request that began the operation.
    let request: ARMRequest
    var place: Place
    /// The wait before the first read that ARM asks for.
    var retryAfter: Duration?
    let clientRequestID: String?

    /// Nil when the answer says that the work is complete.
    init?(_ answer: ARMAnswer, of request: ARMRequest) {
        self.request = request
        clientRequestID = answer.clientRequestID
        guard request.method != "GET", answer.status != 204 else { return nil }
        if let url = answer.headers["Azure-AsyncOperation"], !url.isEmpty {
            place = .status(url: url)
        } else if let url = answer.headers["Location"], !url.isEmpty {
            place = .result(url: url)
        } else if Self.isSettled(answer, of: request) {
            return nil
        } else {
            place = .resource
        }
        retryAfter = ARMPause.advised(answer.headers)
    }

    /// Watches the request's resource instead of the operation.
    init(resourceOf request: ARMRequest) {
        self.request = request
        clientRequestID = nil
        place = .resource
    }

    private static func isSettled(_ answer: ARMAnswer, of request: ARMRequest) -> Bool {
        switch (request.method, answer.status) {
        case ("PUT", _), ("PATCH", _):
            // 202 without a URL of an operation: only the resource can be read.
            guard let body = answer.body else { return answer.status != 202 }
            return (ProvisioningState(of: body) ?? .succeeded) == .succeeded
        case ("DELETE", 202): return false
        default: return true
        }
    }
}

/// The value of `properties.provisioningState`, or of an operation's `status`.
enum ProvisioningState: Equatable {
    case succeeded
    case failed
    case canceled
    /// `Creating`, `Updating`, `InProgress`, and other states: ARM's documentation lists only the final ones.
    case running

    init(_ text: String) {
        switch text.lowercased() {
        case "succeeded": self = .succeeded
        case "failed": self = .failed
        case "canceled", "cancelled": self = .canceled
        default: self = .running
        }
    }

    /// Nil if the resource has no state.
    init?(of resource: JSONValue) {
        guard let text = resource.member("properties")?.member("provisioningState")?.stringValue else { return nil }
        self.init(text)
    }
}

extension ARMOperation {
    /// The state that an answer of 2xx means.
    func status(in answer: ARMAnswer) throws(JSONError) -> Status {
        let retryAfter = ARMPause.advised(answer.headers)
        let isDeletion = request.method == "DELETE"
        switch place {
        case .status:
            if answer.status == 204 { return .succeeded }
            let text = try JSONNode(answer.body ?? [:]).optionalString("status")
            let state = text.map { ProvisioningState($0) } ?? answer.body.flatMap { ProvisioningState(of: $0) }
            guard let state else {
                if answer.status == 202 { return .running(retryAfter: retryAfter) }
                throw JSONError(path: "status", "expected a string, found nothing")
            }
            return status(state, answer, retryAfter)
        case .result:
            if answer.status == 202 { return .running(retryAfter: retryAfter) }
            // The network provider's results have a status of their own.
            let text = answer.body?.member("status")?.stringValue
            let state = text.map { ProvisioningState($0) } ?? answer.body.flatMap { ProvisioningState(of: $0) }
            return status(state ?? .succeeded, answer, retryAfter)
        case .resource:
            // The resource exists, so its deletion has not ended, unless its state is failed.
            let state = answer.body.flatMap { ProvisioningState(of: $0) } ?? .succeeded
            if isDeletion, state != .failed { return .running(retryAfter: retryAfter) }
            return status(state, answer, retryAfter)
        }
    }

    /// The state that an error means; nil if it is not about the operation.
    func verdict(on error: ARMError) -> Status? {
        guard let status = error.status else { return nil }
        switch (place, status) {
        case (.resource, 404): return request.method == "DELETE" ? .succeeded : .vanished
        case (.status, 404), (.status, 410), (.result, 410): return .vanished
        // The answer that the request would have got if ARM had waited for the operation.
        case (.result, 404): return request.method == "DELETE" ? .succeeded : .vanished
        case (.result, 400), (.result, 409), (.result, 412), (.result, 422):
            var failure = error
            failure.kind = .operationFailed
            failure.operation = request.name
            return .failed(failure)
        default: return nil
        }
    }

    private func status(_ state: ProvisioningState, _ answer: ARMAnswer, _ retryAfter: Duration?) -> Status {
        switch state {
        case .succeeded: return .succeeded
        case .running: return .running(retryAfter: retryAfter)
        case .failed, .canceled:
            let words =
                state == .failed
                ? "the operation ended as Failed, without a reason" : "the operation was canceled in Azure"
            var error = ARMError(
                .operationFailed, during: request.name, code: state == .failed ? "" : "Canceled", words)
            // A resource may have members called code and message that are not an error.
            if let fault = ARMFault(answer.body?.member("error").map { ["error": $0] }) { error.take(fault) }
            error.ids = RequestIDs(answer.headers, client: answer.clientRequestID ?? "")
            error.ids.request = error.ids.request ?? answer.requestID
            return .failed(error)
        }
    }
}
