import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import Testing

@testable import AzureProvider

@Suite("A request for a token")
struct CredentialRequestTests {
    private let clock = InstantClock()
    private let azure = ScriptedARM()

    private func source(_ change: (inout AzureOptions) -> Void = { _ in }) -> TokenSource {
        var options = ScriptedARM.options
        change(&options)
        return TokenSource(options, sender: azure, clock: clock, logger: .silent, metrics: Metrics())
    }

    private func body(_ request: OutgoingRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    @Test("by client secret is a form for the tenant's token endpoint, with all values escaped")
    func secret() async throws {
        let token = try await source { $0.clientSecret = Secret("a b&c=d+e") }.token()

        #expect(token.value.reveal() == "t1")
        let request = try #require(azure.requests.first)
        #expect(request.method == "POST")
        #expect(request.url == "https://login.test/tenant/oauth2/v2.0/token")
        #expect(request.headers["Content-Type"] == "application/x-www-form-urlencoded")
        #expect(
            body(request) == "client_id=client&grant_type=client_credentials&client_secret=a%20b%26c%3Dd%2Be"
                + "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default")
    }

    @Test("by workload identity contains the file's present content, and succeeds again once the file is valid again")
    func workloadIdentity() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/token-")
        defer { try? Files.removeTree(directory) }
        let path = "\(directory)/token"
        let source = source {
            $0.clientSecret = Secret("")
            $0.federatedTokenFile = path
            // As AKS writes it.
            $0.authorityHost = "https://login.test/"
        }

        let missing = await #expect(throws: CredentialError.self) { try await source.token() }
        #expect(missing?.kind == .incomplete)
        #expect(missing?.description.contains(path) == true)
        #expect(missing?.description.contains("No such file") == true)

        try DurableFile.write([], to: path)
        let empty = await #expect(throws: CredentialError.self) { try await source.token() }
        #expect(empty?.description.contains("is empty") == true)

        try DurableFile.write(Array("two words".utf8), to: path)
        let odd = await #expect(throws: CredentialError.self) { try await source.token() }
        #expect(odd?.description.contains("more than one word") == true)
        #expect(azure.requests.isEmpty, "nothing is sent without a token to send")

        try DurableFile.write(Array("ey.first\n".utf8), to: path)
        let token = try await source.token()
        try DurableFile.write(Array("ey.second".utf8), to: path)
        source.drop(token)
        _ = try await source.token()

        #expect(azure.requests.map(\.url) == Array(repeating: "https://login.test/tenant/oauth2/v2.0/token", count: 2))
        #expect(
            body(azure.requests[0]) == "client_id=client&grant_type=client_credentials"
                + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                + "&client_assertion=ey.first&scope=https%3A%2F%2Fmanagement.azure.com%2F.default")
        #expect(body(azure.requests[1]).contains("client_assertion=ey.second&"))
    }

    @Test("to the metadata service has its header, no proxy, and the client id of a user-assigned identity")
    func metadata() async throws {
        azure.on(
            "GET", "/metadata/identity/oauth2/token",
            .json(
                200, ["access_token": "mi", "expires_in": "86399", "expires_on": "1767311999", "token_type": "Bearer"]))
        let token = try await source { $0.credential = .managedIdentity }.token()
        _ = try await source {
            $0.credential = .managedIdentity
            $0.clientID = ""
            $0.cloud = .usGovernment
        }.token()

        #expect(token.value.reveal() == "mi")
        #expect(clock.now.duration(to: token.expires) == .seconds(86399))
        #expect(clock.now.duration(to: token.refreshes) == .seconds(86399) / 2)
        let request = try #require(azure.requests.first)
        #expect(
            request.url == "http://metadata.test/metadata/identity/oauth2/token?api-version=2018-02-01"
                + "&resource=https%3A%2F%2Fmanagement.azure.com&client_id=client")
        #expect(request.headers["Metadata"] == "true")
        #expect(!request.usesProxy)
        #expect(
            azure.requests.last?.url == "http://metadata.test/metadata/identity/oauth2/token?api-version=2018-02-01"
                + "&resource=https%3A%2F%2Fmanagement.core.usgovcloudapi.net")
    }

    @Test(
        "to a metadata service that is being updated is repeated with the documented pauses",
        arguments: [
            (410, [5000, 10000, 20000, 40000]), (404, [1600, 3200, 6400, 12800]), (429, [1600, 3200, 6400, 12800]),
            (503, [1600, 3200, 6400, 12800]),
        ])
    func updated(status: Int, pauses: [Int]) async throws {
        azure.on("GET", "/metadata/identity/oauth2/token", .empty(status))
        let error = await #expect(throws: CredentialError.self) {
            try await source { $0.credential = .managedIdentity }.token()
        }
        #expect(error?.kind == .unreachable)
        #expect(azure.requests.count == 6)
        #expect(clock.naps == pauses.map { .milliseconds($0) })
    }

    @Test("to a metadata service that refuses is not repeated, and the error says what to do")
    func refusedByMetadata() async throws {
        azure.on(
            "GET", "/metadata/identity/oauth2/token",
            .json(400, ["error": "invalid_request", "error_description": "Identity not found"]))
        let error = await #expect(throws: CredentialError.self) {
            try await source { $0.credential = .managedIdentity }.token()
        }
        #expect(error?.kind == .refused)
        #expect(error?.description.contains("assign the identity to this node's VM") == true)
        #expect(azure.requests.count == 1)
    }

    @Test("to a metadata service that does not exist gives an error that names the other credentials")
    func noMetadata() async throws {
        azure.on("GET", "/metadata/identity/oauth2/token", .unreachable)
        let error = await #expect(throws: CredentialError.self) {
            try await source { $0.clientSecret = Secret("") }.token()
        }
        #expect(error?.kind == .unreachable)
        for word in [
            "http://metadata.test", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "refuses connections",
        ] {
            #expect(error?.description.contains(word) == true)
        }
        #expect(clock.slept < .seconds(5), "the client does not wait for a server that does not exist")
    }

    @Test(
        "that Entra ID refuses gives an error with the number and advice, and without the secret",
        arguments: [
            (7_000_215, 401, "the client secret is wrong"), (7_000_222, 401, "has expired"),
            (700_016, 400, "AZURE_CLIENT_ID"), (90_002, 400, "AZURE_TENANT_ID"), (700_024, 400, "outside its time"),
            (700_211, 400, "federated credential"),
        ])
    func refused(code: Int, status: Int, advice: String) async throws {
        let words = "AADSTS\(code): It was hush-hush that did it.\r\nTrace ID: 1\r\nTimestamp: now"
        azure.on(
            "POST", "/oauth2/v2.0/token",
            .json(
                status,
                [
                    "error": "invalid_client", "error_description": .string(words),
                    "error_codes": [.integer(Int64(code))],
                ]))
        let error = try #require(
            await #expect(throws: CredentialError.self) { try await source().token() })
        #expect(error.kind == .refused)
        #expect(error.code == "AADSTS\(code)")
        #expect(error.description.contains(advice))
        #expect(error.description.contains("‹secret›"))
        #expect(!error.description.contains("hush-hush"))
        #expect(!error.description.contains("Trace ID"), "a log line is one line")
        #expect(azure.requests.count == 1, "a wrong secret does not become right")
    }

    @Test("that fails for a temporary reason is repeated", arguments: [429, 500, 503])
    func transient(status: Int) async throws {
        azure.on(
            "POST", "/oauth2/v2.0/token", .empty(status, [("Retry-After", "7")]), .broken,
            .json(200, ["expires_in": 60, "access_token": "t2"]))
        #expect(try await source().token().value.reveal() == "t2")
        #expect(clock.naps == [.seconds(7), .milliseconds(1600)])
    }

    @Test("that would have to wait for long gives an error at once")
    func longPause() async throws {
        azure.on("POST", "/oauth2/v2.0/token", .empty(429, [("Retry-After", "300")]))
        let error = await #expect(throws: CredentialError.self) { try await source().token() }
        #expect(error?.kind == .unreachable)
        #expect(error?.retryAfter == .seconds(300))
        #expect(clock.naps.isEmpty)
    }

    @Test(
        "whose answer is not a token gives an error that says so and describes the answer",
        arguments: [
            ("text/html", "<html>Sign in to the hotel's network</html>", "not a JSON"),
            ("application/json", "", "not a JSON"), ("application/json", "[1]", "not a JSON object"),
            ("application/json", "{\"access_token\":", "not a JSON"),
            ("application/json", "{\"expires_in\":5}", "no access_token"),
            ("application/json", "{\"access_token\":7,\"expires_in\":5}", "no access_token"),
            ("application/json", "{\"access_token\":\"a\\r\\nHost: x\",\"expires_in\":5}", "no header can carry"),
            ("application/json", "{\"access_token\":\"a\"}", "expires_in"),
            ("application/json", "{\"access_token\":\"a\",\"expires_in\":-5}", "had expired"),
            ("application/json", "{\"access_token\":\"a\",\"expires_in\":1e300}", "expires_in"),
            ("application/json", "{\"access_token\":\"a\",\"expires_on\":-9223372036854775808}", "expires_in"),
            ("application/json", "{\"access_token\":\"a\",\"expires_in\":5,\"token_type\":\"pop\"}", "not Bearer"),
        ])
    func noToken(type: String, body: String, clause: String) async throws {
        azure.on("POST", "/oauth2/v2.0/token", .bytes(200, type, body))
        let error = await #expect(throws: CredentialError.self) { try await source().token() }
        #expect(error?.kind == .malformed)
        #expect(error?.description.contains(clause) == true)
        #expect(error?.description.contains("application client in tenant tenant") == true)
    }
}
