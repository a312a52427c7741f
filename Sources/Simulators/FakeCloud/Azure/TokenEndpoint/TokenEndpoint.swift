internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// The token endpoint of Microsoft Entra: issues access tokens, and knows who holds each.
final class TokenEndpoint: Sendable {
    private let options: FakeAzureOptions
    private let store: ResourceStore
    private let calls: CallHandler
    private let issuer = Lock(TokenIssuer())

    init(_ options: FakeAzureOptions, store: ResourceStore, calls: CallHandler) {
        self.options = options
        self.store = store
        self.calls = calls
    }

    /// A new access token for a principal, with the lifetime that the scenario sets.
    func issue(
        to principal: String, audience: String, at now: WallTime
    ) -> (token: String, holder: TokenIssuer.Holder, lifetime: Int64) {
        let lifetime = store.withContent { $0.scenario.tokenLifetime }
        let issued = issuer.withLock {
            $0.issue(to: principal, tenant: options.tenantID, audience: audience, lifetime: lifetime, at: now)
        }
        return (issued.token, issued.holder, lifetime.components.seconds)
    }

    /// The principal to which a token was issued.
    func holder(of token: String, at now: WallTime) throws(TokenIssuer.TokenRefused) -> TokenIssuer.Holder {
        try issuer.withLock { issuer throws(TokenIssuer.TokenRefused) in try issuer.holder(of: token, at: now) }
    }

    /// Revokes every token.
    func revokeAll() { issuer.withLock { $0.revokeAll() } }

    /// Answers a request for a token, or for the description of the endpoint.
    func answer(_ exchange: Exchange) async -> HTTPResponse {
        let segments = exchange.segments
        let rest = segments.dropFirst().map { $0.lowercased() }
        if exchange.request.method == "POST", rest == ["oauth2", "v2.0", "token"] {
            return await calls.handle(exchange, .token, "") { self.issueToken(exchange, tenant: segments[0]) }
        }
        if exchange.request.method == "GET", rest == ["v2.0", ".well-known", "openid-configuration"] {
            return await calls.handle(exchange, .openID, "") { self.openID(exchange, tenant: segments[0]) }
        }
        return .text("This is a fake Azure, and there is nothing here.\n", status: 404)
    }

    private func issueToken(_ exchange: Exchange, tenant: String) -> HTTPResponse {
        let now = exchange.received
        do throws(EntraFault) {
            let (principal, audience) = try TokenRequest.check(
                tenant: tenant, form: exchange.request.body, options)
            let (token, _, lifetime) = issue(to: principal, audience: audience, at: now)
            return .json(
                [
                    "token_type": "Bearer", "expires_in": .integer(lifetime), "ext_expires_in": .integer(lifetime),
                    "access_token": .string(token),
                ], headers: ["Cache-Control": "no-store, no-cache", "Pragma": "no-cache"])
        } catch {
            return error.response(at: now)
        }
    }

    private func openID(_ exchange: Exchange, tenant: String) -> HTTPResponse {
        let base = "\(exchange.endpoint)/\(tenant)"
        return .json([
            "token_endpoint": .string("\(base)/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": .string("\(base)/discovery/v2.0/keys"), "response_modes_supported": ["query", "fragment"],
            "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": .string("\(base)/v2.0"), "authorization_endpoint": .string("\(base)/oauth2/v2.0/authorize"),
            "tenant_region_scope": "NA", "cloud_instance_name": "microsoftonline.com",
        ])
    }
}
