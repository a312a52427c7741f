package import AzureProvider
package import Configuration
package import FakeAzureLauncher
internal import Telemetry

/// The settings of Azure as an adaptor's cloud: the account and the VMs, and the fake Azure that can replace the account.
package struct AzureSettings: Sendable {
    /// The account and the VMs.
    package var azure = AzureOptions()
    /// Whether the fake Azure is used.
    package var usesFake = false
    /// Where ``usesFake`` was set.
    var fakeSource: ValueSource?
    /// The fake Azure.
    package var fake = FakeAzureSettings()

    /// The defaults.
    package init() {}

    /// The flags of Azure itself.
    package static let azureSettings = AzureOptions.settings.map { $0.within(\Self.azure) }

    /// The flags of the fake Azure.
    package static let fakeSettings =
        [
            Setting(
                "fake-cloud", environment: "FAKE_CLOUD", \Self.usesFake, .bool,
                """
                Start the program fake-azure and use it; account, endpoints, network and image are then its own, \
                whatever the flags above say. The variable is refused beside settings of a real Azure account; \
                the flag is not.
                """
            ).notingSource(at: \.fakeSource)
        ] + FakeAzureSettings.settings(prefix: FakeAzureSettings.adaptorPrefix).map { $0.within(\Self.fake) }

    /// The names of the settings that can change while the adaptor runs.
    package static let changeableNames = Set(AzureOptions.settings.map(\.name)).subtracting(AzureOptions.fixedSettings)

    /// The problems that keep the adaptor from starting, a sentence each.
    package var problems: [String] {
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

    /// Settings that are allowed but probably not intended, as a sentence each. The fake's account is known only when the
    /// fake runs.
    package var warnings: [String] { usesFake ? [] : azure.warnings }
}
