import AzureDoubles
import Configuration
import HTTPTransport
import JSON
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("Settings of Azure that change while the provider runs")
struct ChangedSettingsTests {
    @Test("are those of new VMs; the account and the resource group stay")
    func new() async throws {
        let azure = try ProviderFixture()
        var options = azure.provider.context.options
        options.tags = ["team": "blue"]
        options.resourceGroup = "elsewhere"
        options.clientID = "other"
        try azure.provider.use(options, sshPublicKey: "ssh-ed25519 BBBB")
        azure.accept()
        azure.address(ProviderFixture.hasAddress)
        _ = try await azure.create()
        let put = try #require(azure.arm.requests.first { $0.method == "PUT" })
        let body = String(decoding: put.body, as: UTF8.self)
        #expect(body.contains("\"team\":\"blue\""))
        #expect(body.contains("ssh-ed25519 BBBB"))
        #expect(!put.url.contains("elsewhere"))
        #expect(azure.provider.context.options.clientID == Example.options.clientID)
    }

    @Test("are refused as a whole when one is wrong")
    func refused() throws {
        let azure = try ProviderFixture()
        var options = azure.provider.context.options
        options.tags = ["team": "blue"]
        options.subnetID = "not an id"
        let error = #expect(throws: ProviderError.self) { try azure.provider.use(options, sshPublicKey: "x") }
        #expect(error?.detail.contains("-subnetid") == true)
        #expect(azure.provider.context.options.tags.isEmpty)
    }

    @Test("have no name that is not a flag")
    func names() {
        #expect(AzureOptions.fixedSettings.isSubset(of: AzureOptions.settings.map(\.name)))
    }
}
