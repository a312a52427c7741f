import AzureDoubles
import Configuration
import Doubles
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("The images that a pod may ask for")
struct ImageChoiceTests {
    private static let gallery = "\(Example.group)/Microsoft.Compute/galleries/G/images"
    private static let community = "/CommunityGalleries/coco-42/Images/peerpod"

    private func isPermitted(_ image: String?, _ images: [String] = []) -> Bool {
        var options = Example.options
        options.images = images
        return ImageChoice(options).fault(Requirements(image: image)) == nil
    }

    @Test("are only the configured image, in upper or lower case")
    func configured() {
        #expect(isPermitted(nil))
        #expect(isPermitted(""))
        #expect(isPermitted(Example.options.imageID))
        #expect(isPermitted(Example.options.imageID.uppercased()))
        #expect(isPermitted(" \(Example.options.imageID.lowercased()) "))
        for other in [
            "\(Self.gallery)/I/versions/1.0.1", "\(Self.gallery)/I", "\(Self.gallery)/J/versions/1.0.0",
            "\(Example.group)/Microsoft.Compute/images/I", "\(Self.community)/Versions/1.0.0",
            "/SharedGalleries/g/Images/I/Versions/1.0.0", "/subscriptions/x", "1.0.0", "..",
            "\(Self.gallery)/I/versions/*", "\(Self.gallery)/I/versions/1.0.0/", "\(Self.gallery)/I/versions/%31.0.0",
            Example.options.imageID.replacing("resourceGroups/pods", with: "resourceGroups/others"),
        ] { #expect(!isPermitted(other), "\(other)") }
    }

    @Test("are also the images of the list: one version, or every version of an image")
    func listed() {
        let list = ["\(Self.gallery)/J/versions/2.0.0", "\(Self.gallery)/K", "\(Self.community)/Versions/*"]
        #expect(isPermitted("\(Self.gallery)/j/Versions/2.0.0", list))
        #expect(!isPermitted("\(Self.gallery)/J/versions/2.0.1", list))
        #expect(!isPermitted("\(Self.gallery)/J", list), "the latest version may be another one")
        #expect(isPermitted("\(Self.gallery)/K", list))
        #expect(!isPermitted("\(Self.gallery)/K/versions/1.0.0", list), "only the latest is meant")
        #expect(isPermitted("\(Self.community.lowercased())/versions/latest", list))
        #expect(isPermitted("\(Self.community)/Versions/0.1.0", list))
        #expect(!isPermitted("\(Self.community)2/Versions/0.1.0", list))
        #expect(!isPermitted("/SharedGalleries/coco-42/Images/peerpod/Versions/0.1.0", list))
        #expect(isPermitted("\(Self.gallery)/J/versions/9", ["\(Self.gallery)/J/versions/*"]))
        #expect(isPermitted("\(Self.gallery)/J", ["\(Self.gallery)/J/versions/*"]))
        #expect(isPermitted(Example.options.imageID, list), "the configured one always is")
    }

    @Test("must have ids of images", arguments: ["*", "/*", "I", "\(gallery)/I/*", "\(gallery)/*", "\(community)/*"])
    func malformed(entry: String) {
        var options = Example.options
        options.images = [entry]
        #expect(
            options.problems.contains { $0.contains("-images (AZURE_IMAGES): \"\(entry)\"") }, "\(options.problems)")
    }

    @Test("that are not allowed are refused at CreateVM, before a request, with the image and the flag in the error")
    func refused() async throws {
        let azure = try ProviderFixture { $0.images = ["\(Self.gallery)/J/versions/2.0.0"] }
        let wanted = Requirements(image: "\(Self.community)/Versions/0.1.0")
        let error = #expect(throws: ProviderError.self) { try azure.provider.check(wanted) }
        for error in [error, await azure.failure { _ = try await azure.create(wanted) }] {
            #expect(error?.code == .rejected && error?.advice == .giveUp)
            for words in ["coco-42/Images/peerpod/Versions/0.1.0", "-images (AZURE_IMAGES)"] {
                #expect(error?.detail.contains(words) == true)
            }
        }
        #expect(azure.arm.requests.isEmpty, "nothing was sent")
        azure.accept()
        azure.address(ProviderFixture.hasAddress)
        let permitted = Requirements(image: "\(Self.gallery)/J/versions/2.0.0")
        try azure.provider.check(permitted)
        _ = try await azure.create(permitted)
        #expect(
            azure.log.contains { $0.contains("Choosing \(Self.gallery)/J/versions/2.0.0") }, "the Go suite looks for it"
        )
        #expect(azure.places.count == 1)
    }
}
