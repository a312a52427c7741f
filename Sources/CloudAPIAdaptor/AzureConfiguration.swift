internal import AzureBackend
internal import AzurePreflight
internal import Configuration
internal import FakeAzureLauncher
internal import PodConnection
internal import Telemetry

/// `cloud-api-adaptor azure`: the settings that all clouds have in common, and those of Azure and the fake Azure.
struct AzureConfiguration: Sendable {
    var adaptor = AdaptorConfiguration()
    var cloud = AzureSettings()

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
            .init("Flags of Azure", AzureSettings.azureSettings.map { $0.within(\.cloud) }),
            .init("Flags of the fake Azure", AzureSettings.fakeSettings.map { $0.within(\.cloud) }),
        ], settingsFile: "config")

    /// What the check of Azure has to know of this adaptor.
    var situation: AzureCheck.Situation {
        let connection = adaptor.connection
        return AzureCheck.Situation(
            forwarderPort: connection.forwarderPort, vxlanPort: connection.network.vxlanPort,
            initdataSize: connection.initdata.reveal().utf8.count)
    }

    /// The settings with which the program `fake-azure` is started.
    var fakeSettings: FakeAzureSettings {
        var settings = cloud.fake
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
