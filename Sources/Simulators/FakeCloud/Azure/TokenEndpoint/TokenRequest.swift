internal import HTTPTransport
internal import JSON
internal import Telemetry

/// A refusal of Microsoft Entra.
struct EntraFault: Error, Equatable, Sendable {
    let status: Int
    let error: String
    /// The number after `AADSTS` in the message.
    let number: Int
    let message: String

    init(_ status: Int, _ error: String, _ number: Int, _ message: String) {
        self.status = status
        self.error = error
        self.number = number
        self.message = message
    }

    func response(at now: WallTime) -> HTTPResponse {
        let (trace, correlation) = (RandomID.guid(), RandomID.guid())
        let time = now.description.prefix(19).map { $0 == "T" ? " " : String($0) }.joined() + "Z"
        let body: JSONValue = [
            "error": .string(error),
            "error_description": .string(
                "AADSTS\(number): \(message) Trace ID: \(trace) Correlation ID: \(correlation) Timestamp: \(time)"),
            "error_codes": [.integer(Int64(number))], "timestamp": .string(time), "trace_id": .string(trace),
            "correlation_id": .string(correlation),
            "error_uri": .string("https://login.microsoftonline.com/error?code=\(number)"),
        ]
        return .json(body, status: status)
    }
}

/// Checks a token request against the account.
enum TokenRequest {
    /// The principal and audience of a request; `form` is the request's body, `application/x-www-form-urlencoded`.
    static func check(
        tenant: String, form: [UInt8], _ options: FakeAzureOptions
    ) throws(EntraFault) -> (principal: String, audience: String) {
        guard tenant.lowercased() == options.tenantID.lowercased() else {
            throw EntraFault(
                400, "invalid_request", 90002,
                "Tenant '\(tenant)' not found. Check to make sure you have the correct tenant ID and are signing into "
                    + "the correct cloud.")
        }
        let fields = HTTPRequest(method: "POST", target: "/?" + String(decoding: form, as: UTF8.self))
        func field(_ name: String) throws(EntraFault) -> String {
            guard let value = fields.query(name), !value.isEmpty else {
                throw EntraFault(
                    400, "invalid_request", 900144, "The request body must contain the following parameter: '\(name)'.")
            }
            return value
        }
        let grant = try field("grant_type")
        guard grant == "client_credentials" else {
            throw EntraFault(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '\(grant)'.")
        }
        let client = try field("client_id")
        guard client.lowercased() == options.clientID.lowercased() else {
            throw EntraFault(
                400, "unauthorized_client", 700016,
                "Application with identifier '\(client)' was not found in the directory '\(tenant)'.")
        }
        if let assertion = fields.query("client_assertion") {
            guard try field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" else {
                throw EntraFault(400, "invalid_request", 50027, "The client assertion type is not supported.")
            }
            guard options.acceptsAnyIdentity else {
                throw EntraFault(
                    401, "invalid_client", 70021,
                    "No matching federated identity record found for presented assertion: without -any-identity this "
                        + "fake Azure accepts only its client secret.")
            }
            try check(assertion: assertion)
        } else {
            guard let secret = fields.query("client_secret") else {
                throw EntraFault(
                    401, "invalid_client", 7_000_218,
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
            }
            guard options.clientSecret.matches(secret) else {
                if secret == "expired" {
                    throw EntraFault(
                        401, "invalid_client", 7_000_222,
                        "The provided client secret keys for app '\(client)' are expired.")
                }
                throw EntraFault(
                    401, "invalid_client", 7_000_215,
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                        + "secret value, not the client secret ID, for a secret added to app '\(client)'.")
            }
        }
        let scope = try field("scope")
        guard scope.hasSuffix("/.default") else {
            throw EntraFault(
                400, "invalid_scope", 1_002_012,
                "The provided value for scope \(scope) is not valid. Client credential flows must have a scope value "
                    + "with /.default suffixed to the resource identifier.")
        }
        return (options.clientID, String(scope.dropLast("/.default".count)))
    }

    /// Accepts every token of three parts, unless its claims are expired or have no subject.
    private static func check(assertion: String) throws(EntraFault) {
        let parts = assertion.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw EntraFault(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
        }
        switch parts[2] {
        case "expired":
            throw EntraFault(
                401, "invalid_client", 700_024, "Client assertion is not within its valid time range.")
        case "stranger":
            throw EntraFault(
                401, "invalid_client", 70021,
                "No matching federated identity record found for presented assertion.")
        default: break
        }
    }
}
