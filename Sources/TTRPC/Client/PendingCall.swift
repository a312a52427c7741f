/// A call of a ``Client`` that has no answer yet, and its waiting caller.
enum PendingCall {
    case call(CheckedContinuation<[UInt8], any Error>, deadline: ContinuousClock.Instant?)
    case stream(MessageInbox, deadline: ContinuousClock.Instant?)

    /// The time at which the caller stops waiting.
    var deadline: ContinuousClock.Instant? {
        switch self {
        case .call(_, let deadline), .stream(_, let deadline): deadline
        }
    }

    /// Ends the call without an answer.
    func fail(_ error: any Error) {
        switch self {
        case .call(let caller, _): caller.resume(throwing: error)
        case .stream(let inbox, _): inbox.finish(throwing: error)
        }
    }

    /// Ends the call with the server's answer.
    func end(with response: Result<[UInt8], Status>) {
        switch self {
        case .call(let caller, _): caller.resume(with: response.mapError { $0 })
        case .stream(let inbox, _):
            switch response {
            case .failure(let status): inbox.finish(throwing: status)
            case .success(let payload):
                // This is the only answer to many messages. An empty answer may only mark the end. There is always room
                // for one more message, because no message follows.
                if !payload.isEmpty { inbox.putLast(payload) }
                inbox.finish()
            }
        }
    }
}

extension Duration {
    /// Whole nanoseconds, limited to the range of `Int64`.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowsToo) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows || overflowsToo ? .max : sum
    }
}
