internal import Encoding
internal import JSON
internal import PodVMLifecycle
internal import Telemetry

extension ARMClient {
    /// Watches the operation that `answer` began, if it began one, until it succeeds. Throws when it fails, or when ARM
    /// does not report its end within half an hour.
    func finish(_ answer: ARMAnswer, of request: ARMRequest) async throws(ARMError) {
        guard var operation = ARMOperation(answer, of: request) else { return }
        let begun = clock.now
        var pauses = PollPauses()
        var advised = operation.retryAfter
        while true {
            let call = call(for: operation)
            guard begun.duration(to: clock.now) < limits.operation else {
                throw call.error(
                    .unanswered, "the operation still runs after \(limits.operation.components.seconds / 60) minutes")
            }
            try await rest(pauses.next(advised: advised, random: clock.random()), call)
            switch try await look(operation) {
            case .running(let retryAfter): advised = retryAfter
            case .succeeded: return
            case .failed(let error): throw error
            case .vanished where operation.place != .resource:
                // The resource has the operation's result.
                operation.place = .resource
                advised = nil
            case .vanished:
                throw call.error(
                    .refused(status: 404), code: "ResourceNotFound",
                    "the operation has ended, and the resource does not exist")
            }
        }
    }

    /// Reads the operation once.
    func look(_ operation: ARMOperation) async throws(ARMError) -> ARMOperation.Status {
        let call = call(for: operation)
        let answer: ARMAnswer
        do throws(ARMError) {
            answer = try await send(try checked(operation, call))
        } catch {
            switch operation.verdict(on: error) {
            case let verdict?: return verdict
            case nil: throw error
            }
        }
        do throws(JSONError) {
            return try operation.status(in: answer)
        } catch {
            var failure = call.error(.malformed, "the state of an operation: \(error)")
            failure.ids.request = answer.requestID
            throw failure
        }
    }

    private func call(for operation: ARMOperation) -> ARMCall {
        let id = operation.clientRequestID ?? UUID4.random()
        let name = "\(operation.request.name), its operation"
        switch operation.place {
        case .status(let url), .result(let url): return ARMCall(getting: url, named: name, id: id)
        case .resource:
            var request = ARMRequest("GET", operation.request.path, apiVersion: operation.request.apiVersion)
            request.timeLimit = operation.request.timeLimit
            return ARMCall(request, at: account.endpoint, id: id)
        }
    }

    /// Returns the call, unless it would send the token to another server.
    private func checked(_ operation: ARMOperation, _ call: ARMCall) throws(ARMError) -> ARMCall {
        switch operation.place {
        case .resource: return call
        case .status(let url), .result(let url):
            guard let whole = ARMLink.follow(url, at: account.endpoint) else {
                throw call.error(
                    .malformed,
                    "the operation has the URL \(LogText.sanitized(url, limit: 100)), which is not "
                        + "\(account.endpoint); the token is sent to no other server")
            }
            return ARMCall(getting: whole, named: call.name, id: call.clientID)
        }
    }
}

/// The pauses between reads of an operation: as ARM advises, else 2 s at first and 15 s later.
struct PollPauses {
    private var own = Duration.seconds(2)
    private static let longestOwn = Duration.seconds(15)
    /// The longest pause, so that a failed VM is noticed within a minute.
    private static let longest = Duration.seconds(60)

    mutating func next(advised: Duration?, random: Double) -> Duration {
        let pause = advised.map { min(max($0, .seconds(1)), Self.longest) } ?? own
        own = min(own * 3 / 2, Self.longestOwn)
        return pause * (1 + random / 10)
    }
}
