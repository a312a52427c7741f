internal import Configuration
internal import JSON

/// Which image a VM boots from.
enum ImageReference: Equatable, Sendable {
    /// A version or a definition in a gallery of ours, or a managed image: an ARM id.
    case resource(String)
    /// `/CommunityGalleries/<public name>/Images/<name>/Versions/<version>`.
    case communityGallery(String)
    /// `/SharedGalleries/<unique name>/Images/<name>/Versions/<version>`.
    case sharedGallery(String)

    /// Tells them apart by how they begin, in any case, as the Go adaptor does.
    init(_ text: String) {
        let text = text.trimmed
        let folded = text.lowercased()
        if folded.hasPrefix("/communitygalleries/") {
            self = .communityGallery(text)
        } else if folded.hasPrefix("/sharedgalleries/") {
            self = .sharedGallery(text)
        } else {
            self = .resource(text)
        }
    }

    /// As ARM's `imageReference`.
    var body: JSONValue {
        switch self {
        case .resource(let id): ["id": .string(id)]
        case .communityGallery(let id): ["communityGalleryImageId": .string(id)]
        case .sharedGallery(let id): ["sharedGalleryImageId": .string(id)]
        }
    }
}
