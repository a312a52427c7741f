internal import AzureProvider
internal import Configuration
internal import PodConnection
internal import Telemetry

/// `cloud-api-adaptor azure`: the settings that all clouds have in common, those of Azure, and those of the fake Azure.
struct AzureConfiguration: Sendable {
    var adaptor = AdaptorConfiguration()
    var azure = AzureOptions()
    var usesFake = false
    /// Where ``usesFake`` was set.
    var fakeSource: ValueSource?
    var fake = FakeAzureSettings()

    static let command = Command(
        "cloud-api-adaptor azure", summary: "run pod VMs in Azure, or in a fake of it on this machine",
        details: """
            Asks Azure Resource Manager for a confidential VM per pod.

            With -fake-cloud it needs no Azure and no other setting: the adaptor starts the program fake-azure, a fake \
            of Azure Resource Manager, and uses it. Each VM is a process tree of this machine that reads its user \
            data and runs agent-protocol-forwarder and a stand-in for kata's agent. The stand-in runs real processes \
            and does not isolate them. The simulators are not part of a production installation.
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
                        Start the program fake-azure and use it; account, endpoints, network and image are then its own, \
                        whatever the flags above say. The variable is refused beside settings of a real Azure account; \
                        the flag is not.
                        """
                    ).notingSource(at: \.fakeSource)
                ] + FakeAzureSettings.settings.map { $0.within(\.fake) }),
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

    /// The flags with which the program `fake-azure` is started.
    var fakeArguments: [String] {
        var configuration = self
        // An image for such VMs has the same flag.
        if adaptor.connection.tls.isDisabled { configuration.fake.forwarderFlags.append("-disable-tls") }
        let defaults = Self.command.values(of: AzureConfiguration())
        var arguments = ["-supervised"]
        for ((name, value), standard) in zip(Self.command.values(of: configuration), defaults) {
            if ["forwarder-port", "log-level", "log-format"].contains(name) { arguments.append("-\(name)=\(value)") }
            let flag = name.dropFirst(FakeAzureSettings.prefix.count)
            if name.hasPrefix(FakeAzureSettings.prefix), name != "fake-cloud", value != standard.value {
                arguments.append("-\(flag)=\(value)")
            }
        }
        return arguments
    }
}

extension AzureOptions {
    /// Replaces the account, endpoints, network and image with those of a fake Azure; the shape of the VMs stays.
    mutating func use(_ fake: FakeAzureAnnouncement) {
        func value(_ variable: String) -> String { fake.environment[variable] ?? "" }
        subscriptionID = value("AZURE_SUBSCRIPTION_ID")
        tenantID = value("AZURE_TENANT_ID")
        clientID = value("AZURE_CLIENT_ID")
        clientSecret = fake.secret
        resourceGroup = value("AZURE_RESOURCE_GROUP")
        region = value("AZURE_REGION")
        subnetID = value("AZURE_SUBNET_ID")
        securityGroupID = value("AZURE_NSG_ID")
        imageID = value("AZURE_IMAGE_ID")
        authorityHost = value("AZURE_AUTHORITY_HOST")
        managementEndpoint = value("AZURE_MANAGEMENT_ENDPOINT")
        metadataEndpoint = value("AZURE_IMDS_ENDPOINT")
        authorityFile = value("AZURE_CA_FILE")
        if instanceSize == AzureOptions().instanceSize, isConfidential { instanceSize = value("AZURE_INSTANCE_SIZE") }
    }
}
