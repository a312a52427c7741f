internal import HTTPTransport

/// One try for a token that brought none, and how many tries it is worth.
struct TokenFailure {
    var error: CredentialError
    /// How many tries that end like this one there may be beside the first.
    var tries: Int
    /// The metadata service is being updated.
    var isGone = false

    /// Nobody answered. A service that cannot even be connected to is not there, or will not be soon.
    init(_ silence: HTTPError, from who: String) {
        error = CredentialError(.unreachable, "there is no token from \(who): \(silence.description)")
        switch silence.reason {
        case .malformedRequest, .security, .answerTooLarge, .client, .cancelled: tries = 0
        case .nameResolution, .connection, .proxy: tries = 1
        case .deadline, .brokenAnswer: tries = 2
        }
    }

    /// Somebody answered, and not with 200.
    init(_ response: HTTPResponse, from who: String, isUpdated: Bool) {
        let refusal = TokenAnswer.refusal(in: response.body)
        let status = response.status
        isGone = isUpdated && status == 410
        let passes = status == 408 || status == 429 || status >= 500 || isUpdated && (status == 404 || status == 410)
        tries = passes ? .max : 0
        let number = refusal.codes.first.map { "AADSTS\($0)" }
        var text = "there is no token from \(who): HTTP \(status)"
        for part in [refusal.error, number ?? "", refusal.words] where !part.isEmpty { text += ": \(part)" }
        let advice = refusal.codes.lazy.compactMap { EntraAdvice.advice(on: $0) }.first ?? Self.advice(on: refusal)
        if let advice { text += "; \(advice)" }
        error = CredentialError(passes ? .unreachable : .refused, code: number ?? refusal.error, text)
        error.retryAfter = ARMPause.advised(response.headers)
    }

    private static func advice(on refusal: TokenAnswer.Refusal) -> String? {
        switch refusal.error {
        case "bad_request_102": "something between us and the metadata service takes away the header Metadata"
        case "invalid_request" where refusal.words.lowercased().contains("identity not found"):
            "assign the identity to this node's VM, or correct AZURE_CLIENT_ID"
        default: nil
        }
    }
}
