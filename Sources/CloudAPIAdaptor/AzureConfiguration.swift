internal import AzureProvider
internal import Configuration
internal import Telemetry

/// `cloud-api-adaptor azure`: what all clouds have in common, Azure's own, and the Azure that is but pretended.
struct AzureConfiguration: Sendable {
    var adaptor = AdaptorConfiguration()
    var azure = AzureOptions()
    var fake = FakeCloudSettings()

    static let command = Command(
        "cloud-api-adaptor azure", summary: "run pod VMs in Azure, or in a fake of it on this machine",
        details: """
            Asks Azure Resource Manager for a confidential VM per pod. With -fake-cloud it needs no Azure and no other \
            setting: an Azure Resource Manager of this process answers, and each VM is a tree of processes with a \
            loopback address of its own, that reads its user data, runs agent-protocol-forwarder and a stand-in for \
            kata's agent, which really runs processes, without isolating them.
            """,
        defaults: AzureConfiguration(),
        sections: [
            .init("Flags of every provider", AdaptorConfiguration.settings.map { $0.within(\.adaptor) }),
            .init("Flags of Azure", AzureOptions.settings.map { $0.within(\.azure) }),
            .init("Flags of the fake Azure", FakeCloudSettings.settings.map { $0.within(\.fake) }),
        ])

    /// What is allowed, but probably not what is wanted.
    var warnings: [String] { adaptor.warnings + (fake.isUsed ? [] : azure.warnings) }
}
