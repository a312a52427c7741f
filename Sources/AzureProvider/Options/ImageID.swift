internal import Configuration
internal import JSON

/// The source of pod VMs' disks.
package enum ImageID: Sendable {
    /// A version in a gallery of the tenant, or a definition. For a definition Azure uses the latest version.
    case gallery(ResourceID, version: String?)
    /// A managed image, `.../Microsoft.Compute/images/NAME`.
    case managed(ResourceID)
    /// `/CommunityGalleries/GALLERY/Images/IMAGE/Versions/VERSION`, in a public gallery; the version may be `latest`.
    case community(gallery: String, image: String, version: String)
    /// A version in a gallery that its owner shares with this subscription or tenant: `/SharedGalleries/...`.
    case shared(gallery: String, image: String, version: String)

    /// Nil when `text` is none of these.
    package init?(_ text: String) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if segments.count == 7, segments[0].isEmpty,
            ["communitygalleries", "sharedgalleries"].contains(segments[1].lowercased()),
            segments[3].lowercased() == "images", segments[5].lowercased() == "versions",
            [segments[2], segments[4], segments[6]].allSatisfy(ResourceID.isName)
        {
            let isShared = segments[1].lowercased() == "sharedgalleries"
            self =
                isShared
                ? .shared(gallery: segments[2], image: segments[4], version: segments[6])
                : .community(gallery: segments[2], image: segments[4], version: segments[6])
            return
        }
        guard let id = ResourceID(text) else { return nil }
        if id.isOf("Microsoft.Compute/galleries/images/versions"), let image = id.parent {
            self = .gallery(image, version: id.name)
        } else if id.isOf("Microsoft.Compute/galleries/images") {
            self = .gallery(id, version: nil)
        } else if id.isOf("Microsoft.Compute/images") {
            self = .managed(id)
        } else {
            return nil
        }
    }

    /// The image without its version, as ids are compared: in lower case.
    var image: String {
        switch self {
        case .gallery(let id, _), .managed(let id): "\(id)".lowercased()
        case .community(let gallery, let image, _): "/communitygalleries/\(gallery)/images/\(image)".lowercased()
        case .shared(let gallery, let image, _): "/sharedgalleries/\(gallery)/images/\(image)".lowercased()
        }
    }

    /// The version, in lower case; nil where the id has none.
    var version: String? {
        switch self {
        case .gallery(_, let version): version?.lowercased()
        case .managed: nil
        case .community(_, _, let version), .shared(_, _, let version): version.lowercased()
        }
    }
}

/// The image that a VM boots from.
enum ImageReference: Equatable, Sendable {
    /// A version or a definition in a gallery of the tenant, or a managed image: an ARM id.
    case resource(String)
    /// `/CommunityGalleries/<public name>/Images/<name>/Versions/<version>`.
    case communityGallery(String)
    /// `/SharedGalleries/<unique name>/Images/<name>/Versions/<version>`.
    case sharedGallery(String)

    /// Distinguishes the kinds by their beginning, ignoring case, as the Go adaptor does.
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

    /// The value of ARM's `imageReference`.
    var body: JSONValue {
        switch self {
        case .resource(let id): ["id": .string(id)]
        case .communityGallery(let id): ["communityGalleryImageId": .string(id)]
        case .sharedGallery(let id): ["sharedGalleryImageId": .string(id)]
        }
    }
}
