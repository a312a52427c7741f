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

    /// What keeps this from naming an image, or nil.
    var fault: String? {
        switch self {
        case .resource(let id):
            let parts = ResourceID(id)
            if let parts, parts.type(is: "Microsoft.Compute/galleries/images") { return nil }
            if let parts, parts.type(is: "Microsoft.Compute/galleries/images/versions") { return nil }
            if let parts, parts.type(is: "Microsoft.Compute/images") { return nil }
            return "\"\(id)\" is no image: it is /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Compute/"
                + "images/<name>, or .../galleries/<name>/images/<name>/versions/<version>, or begins with "
                + "/CommunityGalleries/."
        case .communityGallery(let id), .sharedGallery(let id):
            let parts = id.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            let names = parts.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
            let words = parts.enumerated().filter { $0.offset.isMultiple(of: 2) }.map { $0.element.lowercased() }
            let isWhole = words.count == names.count && names.allSatisfy { !$0.isEmpty }
            if isWhole, words.dropFirst() == ["images", "versions"] || words.dropFirst() == ["images"] { return nil }
            return "\"\(id)\" is no gallery's image: it is /CommunityGalleries/<public name>/Images/<name>/Versions/"
                + "<version>."
        }
    }
}
