internal import Configuration
internal import PodVMLifecycle

/// Which images pods may ask for: the configured one, and those of `-images`.
///
/// The image decides what attestation measures and what software sees the pod's data.
struct ImageChoice: Sendable {
    /// An entry of the list: an image, or with `*` in the place of the version every version of one.
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

        /// Whether the entry means that image. Case does not count, as it does not for ARM.
        func matches(_ other: ImageID) -> Bool {
            id.image == other.image && (hasAnyVersion || id.version == other.version)
        }
    }

    private let entries: [Entry]

    init(_ options: AzureOptions) {
        entries = ([options.imageID] + options.images).compactMap { Entry($0.trimmed) }
    }

    /// Why the pod may not have the image that it asks for; nil when it may, or asks for none.
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
