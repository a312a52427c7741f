import AzureDoubles
import AzureProvider
import Doubles
import Preflight
import Telemetry
import Testing

@testable import AzurePreflight

@Suite("Secrets that Azure repeats to the preflight")
struct EchoTests {
    @Test("appear in no finding")
    func check() async throws {
        for azure in [EchoingAzure(), EchoingAzure(givesTokens: false)] {
            var options = EchoingAzure.options(GoodAzure().options)
            options.imageID = "/CommunityGalleries/g/Images/i/Versions/1.0.0"
            let clock = InstantClock()
            let token = TokenSource(options, sender: azure, clock: clock, logger: .silent, metrics: Metrics())
            let client = ARMClient(
                AzureAccount(options), sender: azure, credential: token, clock: ManualClock(), logger: .silent,
                metrics: Metrics())
            let findings = await AzureCheck(
                options, AzureCheck.Situation(), client: client, sender: azure, clock: ManualClock()
            ).run()
            let text = findings.map { "\($0.text) \($0.advice)" }.joined(separator: "\n")
            #expect(!text.isEmpty, "the preflight says nothing")
            let found = EchoingAzure.pieces(in: text)
            #expect(found.isEmpty, "the preflight has \(found.count) pieces of secrets: \(text.prefix(600))")
        }
    }
}
