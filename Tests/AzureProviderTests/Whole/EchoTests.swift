import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import AzureProvider

@Suite("Secrets that Azure repeats")
struct EchoTests {
    private func expectNothing(_ text: String, _ what: String) {
        #expect(!text.isEmpty, "\(what) says nothing")
        let found = EchoingAzure.pieces(in: text)
        #expect(found.isEmpty, "\(what) has \(found.count) pieces of secrets: \(text.prefix(600))")
    }

    private func options() -> AzureOptions { EchoingAzure.options(Example.options) }

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
            options ?? self.options(), sender: azure, sshPublicKey: "ssh-ed25519 AAAA", clock: InstantClock(),
            logger: logger)
        var error = ""
        do { try await body(provider, try SandboxID(validating: "0a1b2c3d4e5f")) } catch let caught {
            error = "\(caught)"
        }
        return (error, lines.withLock { $0 })
    }

    private var spec: InstanceSpec {
        var spec = Example.spec(tags: [InstanceTags.sandbox: "0a1b2c3d4e5f"])
        spec.userData = EchoingAzure.userData
        return spec
    }

    @Test("appear in no error and no log line, for every call", arguments: [true, false])
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

    @Test("appear in no error when an operation fails later")
    func operation() async throws {
        let (error, log) = try await said(by: EchoingAzure(accepts: true)) { provider, sandbox in
            _ = try await provider.createInstance(for: sandbox, from: self.spec).instance()
        }
        expectNothing(error, "the error")
        expectNothing(log, "the log")
    }

    @Test("appear in no error when no token can be obtained, for every kind of secret")
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
            #expect(error.contains("no token"))
            expectNothing(error, "the error")
            if !log.isEmpty { expectNothing(log, "the log") }
        }
    }
}
