internal import Encoding
internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// An application of Microsoft Entra ID, which authenticates with a secret or with a token of another issuer
/// (OAuth 2.0 client credentials, RFC 6749 §4.4 and RFC 7523).
struct EntraCredential: Credential {
    enum ClientAuthentication: Sendable {
        case secret(Secret<String>)
        /// Read for each request: the kubelet replaces the file every hour.
        case tokenFile(String)
    }

    private static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    private static let fileLimit = 64 << 10

    private let authentication: ClientAuthentication
    private let clientID: String
    private let tenantID: String
    private let endpoints: AzureEndpoints
    private let server: TokenServer
    private let clock: any LifecycleClock

    init(
        _ authentication: ClientAuthentication, _ options: AzureOptions, sender: any HTTPSender,
        clock: any LifecycleClock, redactor: Redactor
    ) {
        self.authentication = authentication
        clientID = options.clientID
        tenantID = options.tenantID
        endpoints = AzureEndpoints(options)
        server = TokenServer(sender: sender, clock: clock, redactor: redactor)
        self.clock = clock
    }

    var description: String {
        let who = "application \(clientID) in tenant \(tenantID)"
        return switch authentication {
        case .secret: "the client secret of \(who)"
        case .tokenFile(let path): "the workload identity of \(who), by \(path)"
        }
    }

    func token(_ urgency: TokenUrgency) async throws(CredentialError) -> AccessToken {
        try await server.token(from: description, pauses: TokenServer.entraPauses, urgency) {
            () throws(CredentialError) in try request()
        }
    }

    private func request() throws(CredentialError) -> TokenServer.Request {
        var fields = [(name: "client_id", value: clientID), (name: "grant_type", value: "client_credentials")]
        let secret: String
        switch authentication {
        case .secret(let value):
            secret = value.reveal()
            fields.append((name: "client_secret", value: secret))
        case .tokenFile(let path):
            secret = try Self.assertion(in: path)
            fields.append((name: "client_assertion_type", value: Self.assertionType))
            fields.append((name: "client_assertion", value: secret))
        }
        fields.append((name: "scope", value: endpoints.scope))
        let request = OutgoingRequest(
            "POST", "\(endpoints.authority)/\(PercentCoding.encoded(tenantID))/oauth2/v2.0/token",
            headers: ["Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"],
            body: Array(PercentCoding.encoded(fields).utf8))
        return TokenServer.Request(http: request, secret: Secret(secret))
    }

    private static func assertion(in path: String) throws(CredentialError) -> String {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try DurableFile.read(path, limit: fileLimit)
        } catch {
            throw CredentialError(
                .incomplete,
                "the workload identity's token cannot be read: \(error); is the pod's service account token mounted, and "
                    + "is AZURE_FEDERATED_TOKEN_FILE its path?")
        }
        // A token has letters, digits and -_. only; white space that editors and shells add around it is ignored.
        let text = String(decoding: bytes, as: UTF8.self).split { $0.isWhitespace }
        guard let token = text.first, text.count == 1 else {
            throw CredentialError(
                .incomplete,
                "\(path), the workload identity's token, "
                    + (text.isEmpty
                        ? "is empty: the kubelet may be replacing it" : "has more than one word, so it is not a token"))
        }
        return String(token)
    }
}
