import Configuration
import FakeAzureLauncher
import FakeCloud
import Testing

@Suite("The adaptor's flags for the fake Azure")
struct FakeAzureSettingsTests {
    @Test("have the names, variables, defaults and help of those of fake-azure")
    func parity() {
        let command = Command(
            "x", summary: "", defaults: LocalAzureOptions(),
            sections: [.init("Flags", LocalAzureOptions.settings(prefix: "fake-"))])
        let own = Command(
            "x", summary: "", defaults: FakeAzureSettings(), sections: [.init("Flags", FakeAzureSettings.settings)])
        let (theirs, ours) = (
            command.values(of: LocalAzureOptions()), own.values(of: FakeAzureSettings())
        )
        #expect(ours.map { "\($0.name)=\($0.value)" } == theirs.map { "\($0.name)=\($0.value)" })
        let (mine, fakes) = (FakeAzureSettings.settings, LocalAzureOptions.settings(prefix: "fake-"))
        #expect(mine.map(\.environment) == fakes.map(\.environment))
        // The adaptor also looks for fake-azure in that directory.
        func help<Options>(_ settings: [Setting<Options>]) -> [String] {
            settings.filter { $0.name != "fake-programs-dir" }.map(\.help)
        }
        #expect(help(mine) == help(fakes))
    }

    @Test("only settings that differ from their default become flags of the child, without the prefix")
    func arguments() {
        var settings = FakeAzureSettings()
        #expect(settings.arguments == ["-supervised"])
        settings.network = "loopback"
        settings.forwarderFlags = ["-a=b", "-c"]
        settings.bootDelay = .seconds(3)
        #expect(
            settings.arguments == ["-supervised", "-forwarder-flags=-a=b,-c", "-network=loopback", "-boot-delay=3s"])
    }
}
