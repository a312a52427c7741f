import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import AzureProvider

/// Servers, or a proxy before them, that repeat in every field of an error all that they were sent.
private final class EchoingAzure: HTTPSender {
    static let token = "eyJ0eXAiOiJKV1Qi." + String(repeating: "Abc9-_", count: 40) + ".c2lnbmF0dXJl"
    /// Whether tokens are given out.
    let givesTokens: Bool
    /// What a PUT is answered with, before the operation fails.
    let accepts: Bool

    init(givesTokens: Bool = true, accepts: Bool = false) {
        self.givesTokens = givesTokens
        self.accepts = accepts
    }

    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
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
}

@Suite("What Azure repeats of our secrets")
struct EchoTests {
    private static let secret = "Hq8~aSecretOfTheApplication+0123456789/xyz"
    /// Long enough that a part of it would tell something.
    private static let userData = (0..<3000).map { String($0 * 7919, radix: 36) }.joined()

    /// Fails for every piece of a secret in `text`, however it was cut.
    private func expectNothing(_ text: String, _ what: String) {
        #expect(!text.isEmpty, "\(what) says nothing")
        for secret in [EchoingAzure.token, Self.secret, Self.userData] {
            let bytes = Array(secret.utf8)
            let pieces = stride(from: 0, to: bytes.count - 20, by: 20).map {
                String(decoding: bytes[$0..<$0 + 20], as: UTF8.self)
            }
            let found = pieces.filter { text.contains($0) }
            #expect(found.isEmpty, "\(what) has \(found.count) pieces of \(secret.prefix(12))…: \(text.prefix(600))")
        }
    }

    private func options() -> AzureOptions {
        var options = Example.options
        options.clientSecret = Secret(Self.secret)
        options.authorityHost = "https://login.test"
        options.managementEndpoint = "https://management.test"
        options.metadataEndpoint = "http://metadata.test"
        return options
    }

    /// The error of `body`, and all that was logged.
    private func said(
        by azure: EchoingAzure, _ options: AzureOptions? = nil,
        _ body: (AzureProvider, SandboxID) async throws -> Void
    ) async throws -> (error: String, log: String) {
        let lines = Lock("")
        let logger = Logger(level: .debug, format: .json) { line in
            lines.withLock { $0 += String(decoding: line, as: UTF8.self) }
        }
        let provider = try AzureProvider(
            options ?? self.options(), sender: azure, sshPublicKey: "ssh-ed25519 AAAA", clock: QuickClock(),
            logger: logger)
        var error = ""
        do { try await body(provider, try SandboxID(validating: "0a1b2c3d4e5f")) } catch let caught {
            error = "\(caught)"
        }
        return (error, lines.withLock { $0 })
    }

    private var spec: InstanceSpec {
        var spec = Example.spec(tags: [InstanceTags.sandbox: "0a1b2c3d4e5f"])
        spec.userData = Self.userData
        return spec
    }

    @Test("reaches no error and no log line, whatever is asked of it", arguments: [true, false])
    func calls(logs: Bool) async throws {
        let calls: [(String, (AzureProvider, SandboxID) async throws -> Void)] = [
            ("create", { _ = try await $0.createInstance(for: $1, from: self.spec).instance() }),
            ("delete", { try await $0.deleteInstance(Example.vm, of: $1) }),
            ("list", { provider, _ in _ = try await provider.instances() }),
            (
                "provision",
                { provider, _ in
                    do throws(CreationFailure) {
                        try await ProvisionWatch(context: provider.context, id: Example.vm).run()
                    } catch {
                        guard case .azure(let fault) = error else { throw error }
                        throw ProviderError(fault, during: "provision").redacted(
                            by: provider.context.arm.credential.redactor)
                    }
                }
            ),
        ]
        for (name, call) in calls {
            let (error, log) = try await said(by: EchoingAzure(), nil, call)
            if logs { expectNothing(log, "the log of \(name)") } else { expectNothing(error, "the error of \(name)") }
        }
    }

    @Test("reaches no error when an operation fails later")
    func operation() async throws {
        let (error, log) = try await said(by: EchoingAzure(accepts: true)) { provider, sandbox in
            _ = try await provider.createInstance(for: sandbox, from: self.spec).instance()
        }
        expectNothing(error, "the error")
        expectNothing(log, "the log")
    }

    @Test("reaches no error when there is no token, whichever secret was to get one")
    func tokens() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/echo-")
        defer { try? Files.removeTree(directory) }
        try Files.write(EchoingAzure.token.utf8, to: directory + "/token", at: 0)
        var federated = options()
        federated.clientSecret = Secret("")
        federated.federatedTokenFile = directory + "/token"
        for options in [options(), federated] {
            let (error, log) = try await said(by: EchoingAzure(givesTokens: false), options) { provider, _ in
                _ = try await provider.instances()
            }
            #expect(error.contains("there is no token"))
            expectNothing(error, "the error")
            if !log.isEmpty { expectNothing(log, "the log") }
        }
    }

    @Test("reaches no finding of the preflight")
    func check() async throws {
        for azure in [EchoingAzure(), EchoingAzure(givesTokens: false)] {
            var azureOptions = options()
            azureOptions.imageID = "/CommunityGalleries/g/Images/i/Versions/1.0.0"
            let clock = QuickClock()
            let token = TokenSource(azureOptions, sender: azure, clock: clock, logger: .silent, metrics: Metrics())
            let client = ARMClient(
                AzureAccount(azureOptions), sender: azure, credential: token, clock: ManualClock(), logger: .silent,
                metrics: Metrics())
            let findings = await AzureCheck(
                azureOptions, AzureCheck.Situation(), client: client, sender: azure, clock: ManualClock()
            ).run()
            expectNothing(findings.map { "\($0.text) \($0.advice)" }.joined(separator: "\n"), "the preflight")
        }
    }
}
