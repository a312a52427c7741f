import LinuxIO
import Telemetry
import Testing

@testable import AgentTunnel
@testable import TLS

extension SandboxIdentity {
    func clientContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .client(trusting: authority, identity: client, profile: profile)
    }

    func serverContext(profile: TLSProfile = .standard) throws -> TLSContext {
        try .server(identity: server, clientAuthorities: client.certificate, profile: profile)
    }
}

func outcome<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}
