internal import Encoding
internal import HTTPTransport
internal import PodVMLifecycle
internal import Telemetry

/// The identity of the VM that this process runs in, from its metadata service (IMDS): the VM's own identity, or the
/// user-assigned identity of the client id.
struct MetadataCredential: Credential {
    private let clientID: String
    private let endpoints: AzureEndpoints
    private let isFallback: Bool
    private let server: TokenServer

    init(_ options: AzureOptions, sender: any HTTPSender, clock: any LifecycleClock, redactor: Redactor) {
        clientID = options.clientID
        endpoints = AzureEndpoints(options)
        isFallback = options.credential == .automatic
        server = TokenServer(sender: sender, clock: clock, redactor: redactor)
    }

    var description: String {
        let which = clientID.isEmpty ? "the system-assigned managed identity" : "the managed identity \(clientID)"
        return "\(which), by \(endpoints.metadata)"
    }

    func token(_ urgency: TokenUrgency) async throws(CredentialError) -> AccessToken {
        do throws(CredentialError) {
            return try await server.token(from: description, pauses: TokenServer.metadataPauses, urgency) {
                () throws(CredentialError) in request()
            }
        } catch  where isFallback && error.kind == .unreachable {
            var error = error
            error.description +=
                "; nothing else was given: for a client secret set AZURE_CLIENT_SECRET, AZURE_CLIENT_ID and "
                + "AZURE_TENANT_ID, for workload identity AZURE_FEDERATED_TOKEN_FILE instead of the first"
            throw error
        }
    }

    private func request() -> TokenServer.Request {
        var query = [(name: "api-version", value: "2018-02-01"), (name: "resource", value: endpoints.audience)]
        if !clientID.isEmpty { query.append((name: "client_id", value: clientID)) }
        var request = OutgoingRequest(
            "GET", "\(endpoints.metadata)/metadata/identity/oauth2/token?\(PercentCoding.encoded(query))",
            headers: ["Metadata": "true", "Accept": "application/json"])
        // The service is on this host's own link, and its answer is a token.
        request.usesProxy = false
        return TokenServer.Request(http: request, secret: nil)
    }
}
