import AzureProvider
import Testing

@Suite("Azure options")
struct AzureOptionsTests {
    @Test("ask for a confidential VM unless they are told otherwise")
    func confidential() {
        #expect(AzureOptions().isConfidential)
        #expect(AzureOptions().diskEncryption == .vmGuestStateOnly)
    }
}
