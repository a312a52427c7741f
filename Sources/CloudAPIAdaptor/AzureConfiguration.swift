internal import AzureProvider
internal import Configuration
internal import FakeCloud
internal import Telemetry

/// `cloud-api-adaptor azure`: the settings that all clouds have in common, those of Azure, and those of the fake Azure.
struct AzureConfiguration: Sendable {
    var adaptor = AdaptorConfiguration()
    var azure = AzureOptions()
    var usesFake = false
    /// Where ``usesFake`` was set.
    var fakeSource: ValueSource?
    var fake = LocalAzureOptions()

    static let command = Command(
        "cloud-api-adaptor azure", summary: "run pod VMs in Azure, or in a fake of it on this machine",
        details: """
            Asks Azure Resource Manager for a confidential VM per pod.

            With -fake-cloud it needs no Azure and no other setting: a fake of Azure Resource Manager, in this \
            process, takes the requests, and each VM is a tree of processes with a loopback address of its own. It \
            reads its user data, runs agent-protocol-forwarder and a stand-in for kata's agent that really runs \
            processes, without isolating them.
            """,
        defaults: AzureConfiguration(),
        sections: [
            .init("Flags of every provider", AdaptorConfiguration.settings.map { $0.within(\.adaptor) }),
            .init("Flags of Azure", AzureOptions.settings.map { $0.within(\.azure) }),
            .init(
                "Flags of the fake Azure",
                [
                    Setting(
                        "fake-cloud", environment: "FAKE_CLOUD", \Self.usesFake, .bool,
                        """
                        Use it; account, endpoints, network and image are then its own, whatever the flags above say. The \
                        variable is refused beside settings of a real Azure account; the flag is not.
                        """
                    ).notingSource(at: \.fakeSource)
                ] + LocalAzureOptions.settings(prefix: "fake-").map { $0.within(\.fake) }),
        ])

    /// What keeps the adaptor from starting: a sentence each; empty when nothing does.
    var problems: [String] {
        guard usesFake else { return azure.problems }
        let real = azure.accountSettings
        guard fakeSource == .environment, !real.isEmpty else { return [] }
        return [
            """
            FAKE_CLOUD is set beside settings of a real Azure account: \(real.joined(separator: ", ")). With the fake, \
            confidential pods run as processes of this node. Unset FAKE_CLOUD, or unset these, or give the flag \
            -fake-cloud if the fake is meant.
            """
        ]
    }

    /// The fake's options, once the adaptor's own settings have had their say.
    var fakeOptions: LocalAzureOptions {
        var options = fake
        options.forwarderPort = UInt16(clamping: adaptor.forwarderPort)
        // What the image of such VMs would have been built with.
        if adaptor.tls.isDisabled { options.forwarderFlags.append("-disable-tls") }
        return options
    }
}

extension AzureOptions {
    /// Makes these the options of somebody who uses a fake Azure. What VMs are to be like stays as it was.
    mutating func use(_ account: FakeAzureAccount) {
        subscriptionID = account.subscriptionID
        tenantID = account.tenantID
        clientID = account.clientID
        clientSecret = account.clientSecret
        resourceGroup = account.resourceGroup
        region = account.region
        subnetID = account.subnetID
        securityGroupID = account.securityGroupID
        imageID = account.imageID
        authorityHost = account.authorityHost
        managementEndpoint = account.managementEndpoint
        metadataEndpoint = account.metadataEndpoint
        authorityFile = account.authorityFile
        if instanceSize == AzureOptions().instanceSize, isConfidential { instanceSize = account.instanceSize }
    }
}
