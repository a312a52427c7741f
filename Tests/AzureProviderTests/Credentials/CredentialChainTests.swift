import AzureDoubles
import Doubles
import Telemetry
import Testing

@testable import AzureProvider

@Suite("The choice of a credential")
struct CredentialChainTests {
    private func chosen(_ change: (inout AzureOptions) -> Void) -> String {
        var options = ScriptedARM.options
        change(&options)
        return CredentialChain(options, sender: ScriptedARM(), clock: InstantClock(), redactor: Redactor()).credential
            .description
    }

    @Test("takes the first that is configured completely: secret, workload identity, managed identity")
    func order() {
        #expect(chosen { $0.federatedTokenFile = "/t" }.hasPrefix("the client secret"))
        #expect(
            chosen {
                $0.clientSecret = Secret("")
                $0.federatedTokenFile = "/t"
            }.hasPrefix("the workload identity"))
        #expect(chosen { $0.clientSecret = Secret("") } == "the managed identity client, by http://metadata.test")
        #expect(
            chosen {
                $0.clientSecret = Secret("")
                $0.clientID = ""
            } == "the system-assigned managed identity, by http://metadata.test")
    }

    @Test("takes the configured credential")
    func forced() {
        #expect(
            chosen {
                $0.credential = .workloadIdentity
                $0.federatedTokenFile = "/t"
            }.hasPrefix("the workload identity"))
        #expect(chosen { $0.credential = .managedIdentity }.hasPrefix("the managed identity"))
        #expect(chosen { $0.credential = .clientSecret }.hasPrefix("the client secret"))
    }

    @Test("names the missing settings, and sends no request")
    func incomplete() async {
        let azure = ScriptedARM()
        var options = ScriptedARM.options
        options.tenantID = ""
        let source = TokenSource(options, sender: azure, clock: InstantClock(), logger: .silent, metrics: Metrics())
        let error = await #expect(throws: CredentialError.self) { try await source.token() }
        #expect(error?.kind == .incomplete)
        #expect(error?.description.contains("client-secret credential, which lacks AZURE_TENANT_ID") == true)
        #expect(error?.description.contains("-azure-credential") == true)
        #expect(azure.requests.isEmpty)

        #expect(
            chosen { $0.credential = .workloadIdentity }
                == "the workload-identity credential, which lacks AZURE_FEDERATED_TOKEN_FILE")
        #expect(
            chosen {
                $0.credential = .clientSecret
                $0.clientSecret = Secret("")
                $0.clientID = ""
            } == "the client-secret credential, which lacks AZURE_CLIENT_SECRET and AZURE_CLIENT_ID")
    }

    @Test(
        "uses the servers of its cloud, or the configured servers",
        arguments: [
            (
                AzureCloud.public, "https://login.microsoftonline.com", "https://management.azure.com",
                "https://management.azure.com/.default"
            ),
            (
                .usGovernment, "https://login.microsoftonline.us", "https://management.usgovcloudapi.net",
                "https://management.core.usgovcloudapi.net/.default"
            ),
            (
                .china, "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn",
                "https://management.chinacloudapi.cn/.default"
            ),
        ])
    func clouds(cloud: AzureCloud, authority: String, management: String, scope: String) {
        var options = AzureOptions()
        options.cloud = cloud
        var endpoints = AzureEndpoints(options)
        #expect(endpoints.authority == authority)
        #expect(endpoints.management == management)
        #expect(endpoints.scope == scope)
        #expect(endpoints.metadata == "http://169.254.169.254")
        options.authorityHost = "https://login.test/"
        options.managementEndpoint = " https://management.test// "
        endpoints = AzureEndpoints(options)
        #expect(endpoints.authority == "https://login.test")
        #expect(endpoints.management == "https://management.test")
        #expect(endpoints.scope == scope)
    }
}
