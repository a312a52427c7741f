internal import HTTPTransport
internal import PodVMLifecycle
internal import Telemetry

/// Requests a token from a server until the server returns it, or another try cannot succeed.
struct TokenServer: Sendable {
    /// A request, and its secret parts.
    struct Request: Sendable {
        var http: OutgoingRequest
        var secret: Secret<String>?
    }

    /// The pauses before each further try. They are longer for 410, which means that the metadata service is being
    /// updated for up to 70 s.
    struct Pauses: Sendable {
        var usual: [Duration]
        var gone: [Duration]
        /// Whether 404 and 410 are temporary.
        var isUpdated: Bool
    }

    /// The pauses for the metadata service, from Microsoft's documentation and azure-identity.
    static let metadataPauses = Pauses(
        usual: [.zero, .milliseconds(1600), .milliseconds(3200), .milliseconds(6400), .milliseconds(12_800)],
        gone: [.zero, .seconds(5), .seconds(10), .seconds(20), .seconds(40)], isUpdated: true)
    static let entraPauses = Pauses(
        usual: [.milliseconds(800), .milliseconds(1600), .milliseconds(3200)], gone: [], isUpdated: false)

    /// Callers wait for the token; instead of a longer pause they get an error.
    private static let longestPause = Duration.seconds(60)

    let sender: any HTTPSender
    let clock: any LifecycleClock
    /// Learns every secret that is sent, and every token that is received.
    let redactor: Redactor

    /// `makeRequest` is called for each try, because it reads files that change.
    func token(
        from who: String, pauses: Pauses, _ urgency: TokenUrgency, makeRequest: () throws(CredentialError) -> Request
    ) async throws(CredentialError) -> AccessToken {
        var tries = 0
        while true {
            if Task.isCancelled { throw .cancelled }
            var request = try makeRequest()
            if let secret = request.secret { redactor.hide(secret) }
            request.http.timeLimit = urgency.timeLimit
            request.http.responseLimit = TokenAnswer.sizeLimit
            let asked = clock.now
            let failure: TokenFailure
            switch await send(request.http) {
            case .success(let response) where response.status == 200:
                return try token(in: response, from: who, asked: asked)
            case .success(let response):
                failure = TokenFailure(response, from: who, isUpdated: pauses.isUpdated)
            case .failure(let error):
                if error.reason == .cancelled { throw .cancelled }
                failure = TokenFailure(error, from: who)
            }
            tries += 1
            let list = failure.isGone ? pauses.gone : pauses.usual
            let advised = failure.error.retryAfter ?? .zero
            guard urgency == .needed, tries <= min(failure.tries, list.count), advised <= Self.longestPause else {
                // A server should not repeat our secrets, but may.
                throw failure.error.redacted(by: redactor)
            }
            try await rest(max(list[tries - 1], advised))
        }
    }

    private func send(_ request: OutgoingRequest) async -> Result<HTTPResponse, HTTPError> {
        do throws(HTTPError) { return .success(try await sender.send(request)) } catch { return .failure(error) }
    }

    private func token(
        in response: HTTPResponse, from who: String, asked: ContinuousClock.Instant
    ) throws(CredentialError) -> AccessToken {
        do throws(CredentialError) {
            let token = try TokenAnswer.token(in: response.body, asked: asked, wallClock: clock.secondsSince1970)
            redactor.hide(token.value)
            return token
        } catch {
            var error = error
            let type = response.headers["Content-Type"].map { LogText.sanitized($0, limit: 64) } ?? "no content type"
            error.description =
                "no token from \(who): \(error.description) (\(type)); check whether a proxy answers in its place"
            throw error.redacted(by: redactor)
        }
    }

    private func rest(_ pause: Duration) async throws(CredentialError) {
        if pause == .zero { return }
        do {
            try await clock.sleep(for: pause * (1 + clock.random() / 4))
        } catch {
            throw .cancelled
        }
    }
}
