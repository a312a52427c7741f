internal import HTTPTransport
internal import JSON

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
