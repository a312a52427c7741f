internal import AzureProvider
internal import Configuration
internal import FakeAzureLauncher
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
                ] + FakeAzureSettings.settings(prefix: FakeAzureSettings.adaptorPrefix).map { $0.within(\.fake) }),
        ], settingsFile: "config")

    /// The problems that keep the adaptor from starting, a sentence each.
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

    /// The settings with which the program `fake-azure` is started.
    var fakeSettings: FakeAzureSettings {
        var settings = fake
        // An image for VMs without TLS has the same flag.
        if adaptor.connection.tls.isDisabled { settings.forwarderFlags.append("-disable-tls") }
        return settings
    }

    /// The flags that the program `fake-azure` shares with the adaptor.
    var fakeArguments: [String] {
        Self.command.values(of: self).filter { ["forwarder-port", "log-level", "log-format"].contains($0.name) }
            .map { "-\($0.name)=\($0.value)" }
    }
}
