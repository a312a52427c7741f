import Configuration
import FakeAzureLauncher
import FakeCloud
import Testing

@Suite("The adaptor's flags for the fake Azure")
struct FakeAzureSettingsTests {
    @Test("offer each kind of machine, and have the defaults of the fake")
    func defaults() throws {
        for kind in MachineIsolation.allCases {
            let command = Command(
                "x", summary: "", defaults: FakeAzureSettings(),
                sections: [.init("Flags", FakeAzureSettings.settings(prefix: "fake-"))])
            guard case .run(let settings, _) = try command.parse(["-fake-network", kind.rawValue], environment: [:])
            else {
                Issue.record("the flags are refused")
                continue
            }
            #expect(settings.network == kind.rawValue)
        }
        let (settings, options) = (FakeAzureSettings(), LocalAzureOptions())
        #expect(settings.network == options.network.rawValue)
        #expect(settings.stateDirectory == options.stateDirectory)
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
