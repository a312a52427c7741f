internal import HTTPTransport

/// A failed try to get a token, and the number of further tries.
struct TokenFailure {
    var error: CredentialError
    /// The most tries that end with this failure, not counting the first.
    var tries: Int
    /// The metadata service is being updated.
    var isGone = false

    /// No answer came. A service that refuses connections does not run, and will not run soon.
    init(_ transportError: HTTPError, from who: String) {
        error = CredentialError(.unreachable, "no token from \(who): \(transportError.description)")
        switch transportError.reason {
        case .malformedRequest, .security, .answerTooLarge, .client, .cancelled: tries = 0
        case .nameResolution, .connection, .proxy: tries = 1
        case .deadline, .brokenAnswer: tries = 2
        }
    }

    /// An answer came with another status than 200.
    init(_ response: HTTPResponse, from who: String, isUpdated: Bool) {
        let refusal = TokenAnswer.refusal(in: response.body)
        let status = response.status
        isGone = isUpdated && status == 410
        let passes = status == 408 || status == 429 || status >= 500 || isUpdated && (status == 404 || status == 410)
        tries = passes ? .max : 0
        let number = refusal.codes.first.map { "AADSTS\($0)" }
        var text = "no token from \(who): HTTP \(status)"
        for part in [refusal.error, number ?? "", refusal.words] where !part.isEmpty { text += ": \(part)" }
        let advice = refusal.codes.lazy.compactMap { EntraAdvice.advice(on: $0) }.first ?? Self.advice(on: refusal)
        if let advice { text += "; \(advice)" }
        error = CredentialError(passes ? .unreachable : .refused, code: number ?? refusal.error, text)
        error.retryAfter = ARMPause.advised(response.headers)
    }

    private static func advice(on refusal: TokenAnswer.Refusal) -> String? {
        switch refusal.error {
        case "bad_request_102":
            "a proxy between this node and the metadata service removes the header Metadata; exclude the service from the proxy"
        case "invalid_request" where refusal.words.lowercased().contains("identity not found"):
            "assign the identity to this node's VM, or correct AZURE_CLIENT_ID"
        default: nil
        }
    }
}

/// The next steps for Entra ID's numbered errors (AADSTS…).
enum EntraAdvice {
    /// Nil for a number without advice.
    static func advice(on code: Int64) -> String? {
        switch code {
        case 7_000_215: "the client secret is wrong; give the secret's value, not its id (AZURE_CLIENT_SECRET)"
        case 7_000_222: "the client secret has expired; make a new one and set AZURE_CLIENT_SECRET"
        case 700_016: "the tenant does not have this application; check AZURE_CLIENT_ID and AZURE_TENANT_ID"
        case 90_002, 900_023: "the tenant does not exist; check AZURE_TENANT_ID and AZURE_ENVIRONMENT"
        case 70_021, 700_211, 700_212, 700_213:
            "the application does not trust this token; its federated credential must name the cluster's issuer, "
                + "the service account and the audience api://AzureADTokenExchange"
        case 700_024:
            "the token file's token is outside its time; check that the kubelet renews it, and this host's clock"
        case 700_027: "the token's signature was refused; check the cluster's issuer URL and its keys"
        case 500_011, 70_011: "the API does not exist in this cloud; check AZURE_ENVIRONMENT and the endpoints"
        case 53_003, 530_003: "a Conditional Access policy forbids it; ask the tenant's administrator"
        case 7_000_112: "the application is disabled in the tenant; ask the tenant's administrator"
        default: nil
        }
    }
}
