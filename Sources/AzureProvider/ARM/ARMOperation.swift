internal import HTTPTransport
internal import JSON

/// Work that ARM goes on with after it has answered.
///
/// Where its end can be learnt is in the answer: the header `Azure-AsyncOperation`, else `Location`, else the resource's own
/// `provisioningState` (azure-core's base_polling, Microsoft's "Track asynchronous Azure operations").
package struct ARMOperation: Sendable {
    /// Where to look.
    enum Place: Equatable, Sendable {
        /// An operation, whose `status` says how it is. The URL is signed, and stays as it came.
        case status(url: String)
        /// 202 while it runs, then what the request itself would have answered.
        case result(url: String)
        /// The resource itself.
        case resource
    }

    /// How it is.
    package enum Status: Sendable {
        /// ARM may say when to look again.
        case running(retryAfter: Duration?)
        case succeeded
        case failed(ARMError)
        /// ARM knows the operation no more, which says nothing of how it ended: read the resource.
        case vanished
    }

    /// What began it.
    package let request: ARMRequest
    var place: Place
    /// How long ARM wants to be left alone at first.
    package var retryAfter: Duration?
    let clientRequestID: String?

    /// Nil when the answer says that all is done.
    package init?(_ answer: ARMAnswer, of request: ARMRequest) {
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

    /// Watches the request's resource in place of the operation.
    init(resourceOf request: ARMRequest) {
        self.request = request
        clientRequestID = nil
        place = .resource
    }

    private static func isSettled(_ answer: ARMAnswer, of request: ARMRequest) -> Bool {
        switch (request.method, answer.status) {
        case ("PUT", _), ("PATCH", _):
            // 202 without a word of where to look: the resource is all there is to look at.
            guard let body = answer.body else { return answer.status != 202 }
            return (ProvisioningState(of: body) ?? .succeeded) == .succeeded
        case ("DELETE", 202): return false
        default: return true
        }
    }
}

/// What `properties.provisioningState`, or an operation's `status`, comes down to.
enum ProvisioningState: Equatable {
    case succeeded
    case failed
    case canceled
    /// `Creating`, `Updating`, `InProgress`, and whatever else ARM may say: its documentation lists only the ends.
    case running

    init(_ text: String) {
        switch text.lowercased() {
        case "succeeded": self = .succeeded
        case "failed": self = .failed
        case "canceled", "cancelled": self = .canceled
        default: self = .running
        }
    }

    /// Nil if the resource does not say.
    init?(of resource: JSONValue) {
        guard let text = resource.member("properties")?.member("provisioningState")?.stringValue else { return nil }
        self.init(text)
    }
}

extension ARMOperation {
    /// What an answer of 2xx at its place means.
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
            // It is there, so its deletion has not ended, whatever it says of itself, unless that is failure.
            let state = answer.body.flatMap { ProvisioningState(of: $0) } ?? .succeeded
            if isDeletion, state != .failed { return .running(retryAfter: retryAfter) }
            return status(state, answer, retryAfter)
        }
    }

    /// What an error at its place means; nil if it means nothing for the operation.
    func verdict(on error: ARMError) -> Status? {
        guard let status = error.status else { return nil }
        switch (place, status) {
        case (.resource, 404): return request.method == "DELETE" ? .succeeded : .vanished
        case (.status, 404), (.status, 410), (.result, 410): return .vanished
        // What would have been the request's own answer, had ARM waited for it.
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
            let words = state == .failed ? "it ended as Failed without a word of why" : "it was cancelled at Azure"
            var error = ARMError(
                .operationFailed, during: request.name, code: state == .failed ? "" : "Canceled", words)
            // A resource has code and message for other things than errors.
            if let fault = ARMFault(answer.body?.member("error").map { ["error": $0] }) { error.take(fault) }
            error.ids = RequestIDs(answer.headers, client: answer.clientRequestID ?? "")
            error.ids.request = error.ids.request ?? answer.requestID
            return .failed(error)
        }
    }
}
