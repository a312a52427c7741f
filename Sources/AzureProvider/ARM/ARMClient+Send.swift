internal import HTTPTransport
internal import JSON
internal import PodVMLifecycle
internal import Telemetry

extension ARMClient {
    /// Tries until there is an answer, or a failure that another try does not change.
    func send(_ call: ARMCall) async throws(ARMError) -> ARMAnswer {
        let begun = clock.now
        var tries = 0
        var hasNewToken = false
        while true {
            let permit = try await permit(of: call)
            let token: AccessToken
            do throws(ARMError) {
                token = try await self.token(for: call)
            } catch {
                throttle.unanswered(permit)
                throw error
            }
            if Task.isCancelled {
                throttle.unanswered(permit)
                throw call.cancelled
            }
            let failure: ARMFailure
            switch await attempt(call, with: token, in: permit) {
            case .success(let answer): return answer
            case .failure(let it): failure = it
            }
            if Task.isCancelled || failure.error.kind == .cancelled { throw call.cancelled }
            switch failure.error.status {
            case 401 where !hasNewToken:
                hasNewToken = true
                credential.drop(token)
                log(failure, "Azure refused the token; requesting another token")
            case 429 where !ARMRetry.isConflict(failure.error):
                // The throttle makes the pause, for all calls of the class.
                guard begun.duration(to: clock.now) < limits.patience else { throw failure.error }
                log(failure, "Azure throttled a call; pausing calls of its class")
            default:
                tries += 1
                let pause = ARMRetry.pause(
                    after: failure, of: call, tries: tries, random: clock.random(), now: clock.wallTime)
                guard let pause else { throw failure.error }
                log(failure, "A call to Azure failed; trying again")
                try await rest(pause, call)
            }
        }
    }

    func rest(_ pause: Duration, _ call: ARMCall) async throws(ARMError) {
        if pause == .zero { return }
        do { try await clock.sleep(for: pause) } catch { throw call.cancelled }
    }

    private func permit(of call: ARMCall) async throws(ARMError) -> ARMThrottle.Permit {
        do {
            let permit = try await throttle.permit(call.callClass)
            metrics.waiting.observe(permit.waited, call.callClass.rawValue)
            return permit
        } catch {
            throw call.cancelled
        }
    }

    private func token(for call: ARMCall) async throws(ARMError) -> AccessToken {
        do throws(CredentialError) {
            return try await credential.token()
        } catch {
            if error.kind == .cancelled { throw call.cancelled }
            var failure = call.error(.credential, code: error.code, error.description)
            failure.retryAfter = error.retryAfter
            throw failure
        }
    }

    private func attempt(
        _ call: ARMCall, with token: AccessToken, in permit: ARMThrottle.Permit
    ) async -> Result<ARMAnswer, ARMFailure> {
        let sent = clock.now
        do throws(HTTPError) {
            let response = try await sender.send(call.outgoing(with: token, limit: limits.answer))
            count(call, response.status, since: sent)
            let outcome = outcome(of: response, to: call, since: sent)
            learn(from: outcome, response, to: permit)
            return outcome
        } catch {
            throttle.unanswered(permit)
            count(call, nil, since: sent)
            return .failure(ARMFailure(error: call.error(for: error), transportError: error))
        }
    }

    private func learn(
        from outcome: Result<ARMAnswer, ARMFailure>, _ response: HTTPResponse, to permit: ARMThrottle.Permit
    ) {
        guard case .failure(let failure) = outcome, response.status == 429, !ARMRetry.isConflict(failure.error)
        else {
            if let share = throttle.served(permit, response.headers) {
                metrics.bucket.set(share, permit.callClass.rawValue)
            }
            return
        }
        metrics.bucket.set(0, permit.callClass.rawValue)
        metrics.throttled.increment(permit.callClass.rawValue)
        throttle.refused(permit, response.headers)
    }

    private func outcome(
        of response: HTTPResponse, to call: ARMCall, since sent: ContinuousClock.Instant
    ) -> Result<ARMAnswer, ARMFailure> {
        let ids = RequestIDs(response.headers, client: call.clientID)
        logger.debug(
            "Azure answered",
            [
                LogField("request", call.name), LogField("status", response.status),
                LogField("milliseconds", Int64(sent.duration(to: clock.now) / .milliseconds(1))), LogField("ids", ids),
            ])
        var error: ARMError
        do throws(ARMBody.Unreadable) {
            let body = try ARMBody.read(response, limit: limits.answer, depth: limits.depth)
            if (200..<300).contains(response.status) {
                var answer = ARMAnswer(status: response.status, headers: response.headers, body: body)
                answer.requestID = ids.request ?? ids.correlation ?? ids.client
                answer.clientRequestID = call.clientID
                return .success(answer)
            }
            error = call.error(.refused(status: response.status), "")
            if let fault = ARMFault(body) {
                error.take(fault)
            } else if (300..<400).contains(response.status) {
                error.message = "ARM redirects to another server, and the token is not sent there; check the endpoint"
            } else {
                error.message = "without a reason"
            }
        } catch {
            let isSuccess = (200..<300).contains(response.status)
            let kind = isSuccess ? ARMError.Kind.malformed : .refused(status: response.status)
            var failure = call.error(kind, isSuccess ? "HTTP \(response.status), but \(error)" : "\(error)")
            failure.ids = ids
            failure.retryAfter = ARMPause.advised(response.headers, now: clock.wallTime)
            return .failure(ARMFailure(error: failure, response: response))
        }
        error.ids = ids
        error.retryAfter = ARMPause.advised(response.headers, now: clock.wallTime)
        return .failure(ARMFailure(error: error, response: response))
    }

    private func count(_ call: ARMCall, _ status: Int?, since sent: ContinuousClock.Instant) {
        metrics.requests.increment(call.method, ARMMetrics.statusClass(status))
        metrics.latency.observe(sent.duration(to: clock.now), call.method)
    }

    private func log(_ failure: ARMFailure, _ message: @autoclosure () -> String) {
        logger.warning(
            message(), [LogField("request", failure.error.operation), LogField("error", failure.error.detail)])
    }
}

extension LifecycleClock {
    /// The time with which dates in headers are compared.
    var wallTime: WallTime { WallTime(secondsSinceEpoch: secondsSince1970) }
}

extension ARMCall {
    var cancelled: ARMError { error(.cancelled, "") }

    /// The error for a request that got no answer.
    fileprivate func error(for transportError: HTTPError) -> ARMError {
        switch transportError.reason {
        case .cancelled: cancelled
        case .answerTooLarge: error(.malformed, transportError.description)
        default: error(transportError.effect == .notSent ? .notSent : .unanswered, transportError.description)
        }
    }
}
