internal import Configuration
internal import PodVMLifecycle

/// The images that pods may request: the configured image, and those of `-images`.
///
/// The image determines the measurements of attestation and the software that can read the pod's data.
struct ImageChoice: Sendable {
    /// An entry of the list: an image, or every version of an image if the version is `*`.
    struct Entry: Sendable {
        private let id: ImageID
        private let hasAnyVersion: Bool

        /// Nil when `text` is neither.
        init?(_ text: String) {
            hasAnyVersion = text.hasSuffix("/*")
            guard let id = ImageID(hasAnyVersion ? "\(text.dropLast())any" : text), !hasAnyVersion || id.version != nil
            else { return nil }
            self.id = id
        }

        /// Whether the entry covers that image. Case does not matter, as in ARM.
        func matches(_ other: ImageID) -> Bool {
            id.image == other.image && (hasAnyVersion || id.version == other.version)
        }
    }

    private let entries: [Entry]

    init(_ options: AzureOptions) {
        entries = ([options.imageID] + options.images).compactMap { Entry($0.trimmed) }
    }

    /// Why the pod may not use the image that it requests; nil when it may, or requests none.
    func fault(_ wanted: Requirements) -> String? {
        guard let text = wanted.image?.trimmed, !text.isEmpty else { return nil }
        guard let image = ImageID(text) else {
            return "the pod's image \(quoted(text)) is not an ARM id of an image nor the id of a gallery's image."
        }
        if entries.contains(where: { $0.matches(image) }) { return nil }
        return "the pod's image \(quoted(text)) is neither the configured image nor one of "
            + "\(AzureOptions.name("images")). Add it there, or remove the pod's annotation."
    }

    private func quoted(_ text: String) -> String { "\"\(LogText.sanitized(text, limit: 300))\"" }
}
