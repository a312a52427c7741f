package import HTTPTransport
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Returns the token for ARM, and renews it when necessary.
///
/// The first caller that needs a token requests it, in its own task. Callers that come meanwhile wait for that request,
/// or get the old token while it is valid. If the first caller is cancelled, the next caller makes the request: the
/// cancellation of one caller is not a failure of another.
package final class TokenSource: Sendable {
    /// The pause after a refresh that failed. The old token stays valid for a while.
    static let pauseBetweenRefreshes = Duration.seconds(30)

    private struct State {
        var current: AccessToken?
        var request: TokenRequest?
        var lastTry: ContinuousClock.Instant?
    }

    /// A request for a token that several callers may wait for.
    private final class TokenRequest: Sendable {
        let isDone = Event()
        /// Nil at the end means that the caller was cancelled, and the next caller may try.
        let outcome = Lock<Result<AccessToken, CredentialError>?>(nil)
    }

    private enum Step {
        case serve(AccessToken)
        case fetch(TokenRequest, TokenUrgency)
        case wait(TokenRequest)
    }

    /// Removes the secrets of requests to Azure and of Azure's answers from texts.
    package let redactor: Redactor
    private let credential: any Credential
    private let clock: any LifecycleClock
    private let logger: Logger
    private let requests: Counter
    private let state = Lock(State())

    /// The credential that the options select.
    package convenience init(
        _ options: AzureOptions, sender: any HTTPSender, clock: any LifecycleClock, logger: Logger, metrics: Metrics
    ) {
        let redactor = logger.redactor ?? Redactor()
        self.init(
            CredentialChain(options, sender: sender, clock: clock, redactor: redactor).credential, clock: clock,
            logger: logger, metrics: metrics, redactor: redactor)
    }

    init(
        _ credential: any Credential, clock: any LifecycleClock, logger: Logger, metrics: Metrics, redactor: Redactor
    ) {
        self.redactor = redactor
        self.credential = credential
        self.clock = clock
        self.logger = logger
        requests = metrics.counter(
            "peerpods_azure_token_requests_total", "Requests for a token for Azure, by how they ended.",
            labels: ["outcome"])
    }

    /// The identity that the token is for, in messages.
    package var description: String { credential.description }

    /// A token that is valid now.
    package func token() async throws(CredentialError) -> AccessToken {
        while true {
            if Task.isCancelled { throw .cancelled }
            switch nextStep() {
            case .serve(let token): return token
            case .fetch(let request, .needed): return try await fetch(request, .needed).get()
            case .fetch(let request, .early):
                if case .success(let token) = await fetch(request, .early) { return token }
            case .wait(let request):
                await request.isDone.wait()
                if let outcome = request.outcome.withLock({ $0 }) { return try outcome.get() }
            }
        }
    }

    /// Discards a token that ARM refused, so that the next call requests another. Does nothing if that token is already
    /// discarded.
    package func drop(_ token: AccessToken) {
        state.withLock { state in if state.current?.value == token.value { state.current = nil } }
    }

    /// Renews the token before it ends, so that no pod waits for a token. Runs until cancelled.
    ///
    /// Without it everything works, but the next call then renews the token.
    package func run() async {
        var afterFailure = Self.pauseBetweenRefreshes
        while !Task.isCancelled {
            var pause = Self.pauseBetweenRefreshes
            do throws(CredentialError) {
                pause = max(pause, clock.now.duration(to: try await token().refreshes))
                afterFailure = Self.pauseBetweenRefreshes
            } catch {
                if error.kind == .cancelled { return }
                logger.warning("Could not get a token for Azure; trying again", [LogField("error", error)])
                pause = max(afterFailure, error.retryAfter ?? .zero)
                afterFailure = min(afterFailure * 2, .seconds(300))
            }
            do { try await clock.sleep(for: pause) } catch { return }
        }
    }

    private func nextStep() -> Step {
        let now = clock.now
        return state.withLock { state in
            if let token = state.current, now < token.expires {
                let isTooSoon = state.lastTry.map { $0.duration(to: now) < Self.pauseBetweenRefreshes } ?? false
                guard now >= token.refreshes, state.request == nil, !isTooSoon else { return .serve(token) }
                return .fetch(Self.begin(&state, at: now), .early)
            }
            if let request = state.request { return .wait(request) }
            return .fetch(Self.begin(&state, at: now), .needed)
        }
    }

    private static func begin(_ state: inout State, at now: ContinuousClock.Instant) -> TokenRequest {
        let request = TokenRequest()
        state.request = request
        state.lastTry = now
        return request
    }

    private func fetch(_ request: TokenRequest, _ urgency: TokenUrgency) async -> Result<AccessToken, CredentialError> {
        let outcome: Result<AccessToken, CredentialError>
        do throws(CredentialError) {
            outcome = .success(try await credential.token(urgency))
        } catch {
            outcome = .failure(Task.isCancelled ? .cancelled : error)
        }
        report(outcome, urgency)
        state.withLock { state in
            state.request = nil
            if case .success(let token) = outcome { state.current = token }
        }
        if outcome.failure?.kind != .cancelled { request.outcome.withLock { $0 = outcome } }
        request.isDone.set()
        return outcome
    }

    private func report(_ outcome: Result<AccessToken, CredentialError>, _ urgency: TokenUrgency) {
        switch outcome {
        case .success(let token):
            requests.increment("success")
            let lifetime = clock.now.duration(to: token.expires).components.seconds
            logger.debug("Got a token for Azure", [LogField("seconds", lifetime)])
        case .failure(let error) where error.kind == .cancelled:
            requests.increment("cancelled")
        case .failure(let error):
            requests.increment("failure")
            if urgency == .early {
                logger.warning(
                    "Could not refresh the token for Azure early; using the old token, which is still valid",
                    [
                        LogField("error", error)
                    ])
            }
        }
    }
}

extension Result {
    /// The error of a failure; nil for a success.
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

extension CredentialError {
    static let cancelled = CredentialError(.cancelled, "cancelled while waiting for a token")
}
