package import AzureProvider
package import HTTPTransport
internal import JSON
internal import Telemetry

/// Servers, or a proxy before them, that repeat in every field of an error all that they were sent.
package final class EchoingAzure: HTTPSender {
    package static let token = "eyJ0eXAiOiJKV1Qi." + String(repeating: "Abc9-_", count: 40) + ".c2lnbmF0dXJl"
    /// Whether tokens are given out.
    let givesTokens: Bool
    /// What a PUT is answered with, before the operation fails.
    let accepts: Bool

    package init(givesTokens: Bool = true, accepts: Bool = false) {
        self.givesTokens = givesTokens
        self.accepts = accepts
    }

    package func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let fields = request.headers.fields.map { "\($0.name): \($0.value)" }.joined(separator: "; ")
        let body = String(decoding: request.body, as: UTF8.self)
        if request.url.contains("/oauth2/") {
            if givesTokens {
                return Self.json(
                    200, ["token_type": "Bearer", "expires_in": 3599, "access_token": .string(Self.token)])
            }
            return Self.json(401, ["error": .string(body), "error_description": .string("\(fields) \(body)")])
        }
        let echo = "\(fields) of \(request.url) with \(body)"
        let error: JSONValue = [
            "code": .string(echo), "message": .string(echo), "target": .string(echo),
            "details": [["code": .string(echo), "message": .string(echo), "details": [["code": .string(echo)]]]],
            "innererror": ["code": .string(echo), "message": .string(echo)],
        ]
        var response: HTTPResponse
        if accepts, request.method == "PUT" {
            response = Self.json(201, ["name": "podvm-nginx-0a1b2c3d"])
            response.headers.add("Azure-AsyncOperation", "https://management.test/operations/1?\(body.prefix(20_000))")
        } else if accepts, request.url.contains("/operations/") {
            response = Self.json(200, ["status": "Failed", "error": error])
        } else {
            response = Self.json(403, ["error": error])
        }
        for name in ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id"] {
            response.headers.add(name, request.headers["Authorization"] ?? "")
        }
        return response
    }

    private static func json(_ status: Int, _ body: JSONValue) -> HTTPResponse {
        HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: body.encoded())
    }

    /// The secret of the application that asks for tokens.
    package static let secret = "Hq8~aSecretOfTheApplication+0123456789/xyz"
    /// What a VM boots with; long enough that a part of it would tell something.
    package static let userData = (0..<3000).map { String($0 * 7919, radix: 36) }.joined()

    /// Every piece of a secret in `text`, however it was cut.
    package static func pieces(in text: String) -> [String] {
        [token, secret, userData].flatMap { secret in
            let bytes = Array(secret.utf8)
            return stride(from: 0, to: bytes.count - 20, by: 20).map {
                String(decoding: bytes[$0..<$0 + 20], as: UTF8.self)
            }
        }.filter { text.contains($0) }
    }

    /// An account of this Azure.
    package static func options(_ other: AzureOptions) -> AzureOptions {
        var options = other
        options.clientSecret = Secret(secret)
        options.authorityHost = "https://login.test"
        options.managementEndpoint = "https://management.test"
        options.metadataEndpoint = "http://metadata.test"
        return options
    }
}
