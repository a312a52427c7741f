internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

extension KubernetesClient {
    /// Sends a call until there is an object, a failure that another try does not change, or the time is over.
    func send(_ call: KubernetesCall) async throws(KubernetesError) -> JSONObject {
        let begun = clock.now
        var tries = 0
        var hasNewToken = false
        while true {
            let token = try token(for: call)
            tries += 1
            let outcome = await attempt(call, token)
            let failure: (error: KubernetesError, outcome: Result<HTTPResponse, HTTPError>)
            switch outcome {
            case .success(let object): return object
            case .failure(let it): failure = (it.error, it.outcome)
            }
            if Task.isCancelled { throw call.error(.cancelled, "") }
            if failure.error.kind == .unauthorized, !hasNewToken, drop(token) {
                hasNewToken = true
                continue
            }
            let pause = pause(after: failure.error, failure.outcome, tries, call)
            guard let pause, begun.duration(to: clock.now) + pause < limits.call else { throw failure.error }
            logger.debug("A request to the API server failed; trying again", [LogField("error", failure.error)])
            do { try await clock.sleep(for: pause) } catch { throw call.error(.cancelled, "") }
        }
    }

    func token(for call: KubernetesCall) throws(KubernetesError) -> Secret<String>? {
        do throws(TokenFile.Unreadable) {
            return try token()
        } catch {
            throw call.error(.credential, error.description)
        }
    }

    /// The request of a call.
    func request(_ call: KubernetesCall, _ token: Secret<String>?) -> OutgoingRequest {
        var request = OutgoingRequest(call.method, access.endpoint + call.target, body: call.body)
        if let token { request.headers["Authorization"] = "Bearer \(token.reveal())" }
        request.headers["Accept"] = "application/json"
        if let type = call.contentType { request.headers["Content-Type"] = type }
        request.timeLimit = limits.request
        request.responseLimit = call.responseLimit ?? limits.object
        // A pod's address belongs to the cluster's network, which no proxy serves.
        request.usesProxy = access.usesProxy
        return request
    }

    private struct Failure: Error {
        let error: KubernetesError
        let outcome: Result<HTTPResponse, HTTPError>
    }

    private func attempt(_ call: KubernetesCall, _ token: Secret<String>?) async -> Result<JSONObject, Failure> {
        let outcome: Result<HTTPResponse, HTTPError>
        do throws(HTTPError) {
            outcome = .success(try await sender.send(request(call, token)))
        } catch {
            outcome = .failure(error)
        }
        do throws(KubernetesError) {
            let object = try read(outcome, of: call)
            count(call.verb, "success")
            return .success(object)
        } catch {
            count(call.verb, error.kind.rawValue)
            return .failure(Failure(error: error, outcome: outcome))
        }
    }

    private func read(
        _ outcome: Result<HTTPResponse, HTTPError>, of call: KubernetesCall
    ) throws(KubernetesError) -> JSONObject {
        let response = try answer(outcome, to: call)
        let limits = JSONLimits(size: call.responseLimit ?? limits.object, depth: 100)
        do {
            return try JSONNode(JSONValue(parsing: response.body, limits: limits)).members
        } catch {
            throw call.error(.malformed, "HTTP \(response.status), but the body is not an object of JSON: \(error)")
        }
    }

    /// An answer of 2xx.
    func answer(
        _ outcome: Result<HTTPResponse, HTTPError>, to call: KubernetesCall
    ) throws(KubernetesError) -> HTTPResponse {
        switch outcome {
        case .success(let response) where 200..<300 ~= response.status: return response
        case .success(let response) where response.status < 400:
            throw call.error(.malformed, "HTTP \(response.status): the API server does not redirect")
        case .success(let response):
            var error = KubernetesError(
                call.operation, status: response.status, body: response.body, headers: response.headers)
            let now = WallTime(secondsSinceEpoch: clock.secondsSince1970)
            error.retryAfter = RetryAfter.parse(response.headers, now: now) ?? error.retryAfter
            throw error
        case .failure(let error):
            let kind: KubernetesError.Kind =
                switch error.reason {
                case .cancelled: .cancelled
                case .answerTooLarge, .malformedRequest: .malformed
                default: .unreachable
                }
            throw call.error(kind, error.description)
        }
    }

    /// The pause before the next try; nil when another try does not help.
    private func pause(
        after error: KubernetesError, _ outcome: Result<HTTPResponse, HTTPError>, _ tries: Int, _ call: KubernetesCall
    ) -> Duration? {
        // An answer that is not JSON, although its status says success.
        if error.kind == .malformed { return nil }
        var outcome = outcome
        if case .success(var response) = outcome, let wait = error.retryAfter {
            // The Status object may have the delay that the header lacks.
            response.headers["Retry-After"] = String(max(1, wait.components.seconds))
            outcome = .success(response)
        }
        return RetryPolicy().delay(
            after: tries, for: outcome, isIdempotent: call.isIdempotent, random: clock.random(),
            now: WallTime(secondsSinceEpoch: clock.secondsSince1970))
    }
}
