/// A resource that was created with a pod VM, and now belongs to no VM.
public struct Leftover: Hashable, Sendable {
    /// The kinds of resource.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A network interface.
        case interface = "network interface"
        /// A disk.
        case disk
        /// A public address.
        case address = "public address"
    }

    /// What the resource is.
    public let kind: Kind
    /// The identifier by which the provider deletes it: unique among all resources, for example ARM's resource id.
    public let id: String
    /// The name, for messages.
    public let name: String
    /// The tags: those of the VM that it was created for, see ``InstanceTags``.
    public let tags: [String: String]
    /// The time of its creation by the cloud's clock, in seconds since 1970; nil when the cloud does not say.
    public let created: Int64?

    /// A resource without a VM.
    public init(kind: Kind, id: String, name: String, tags: [String: String], created: Int64? = nil) {
        self.kind = kind
        self.id = id
        self.name = name
        self.tags = tags
        self.created = created
    }
}
