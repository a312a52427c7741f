import AgentTunnel
import LinuxIO
import PeerPodProtocol
import TLS
import TTRPC
import Telemetry
import Testing

@Suite("The request to open a tunnel")
struct OpenTunnelRequestTests {
    @Test("carries the whole plan", arguments: ["10.0.0.4", "fd00::4"])
    func whole(host: String) throws {
        let identity = try SandboxIdentity.make(vmName: "podvm-a")
        let profile = try TLSProfile(
            minimumVersion: "VersionTLS12", cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
        for (verifies, client) in [(true, identity.client), (false, nil)] {
            let plan = TunnelPlan(
                socketPath: "/pods/a/agent.ttrpc", forwarder: .tcp(host: host, port: 15150),
                credentials: TunnelCredentials(
                    authority: verifies ? identity.authority : nil, client: client, serverName: "podvm-a",
                    profile: profile, verifiesPeer: verifies))
            let request = OpenTunnelRequest(plan, for: "a", connectsAhead: true)
            let received = try OpenTunnelRequest(parsing: request.encoded)
            #expect(try received == request && received.plan() == plan)
        }
    }

    @Test("without TLS asks for no TLS, and without a setting for the strictest")
    func defaults() throws {
        let plan = TunnelPlan(socketPath: "/a", forwarder: .tcp(host: "10.0.0.4", port: 1), credentials: nil)
        var request = OpenTunnelRequest(plan, for: "a", connectsAhead: false)
        #expect(try request.plan() == plan)
        request.tls = TunnelTLS()
        let credentials = try #require(try request.plan().credentials)
        #expect(credentials.verifiesPeer && credentials.authority == nil && credentials.profile == .standard)
    }
}
