/// A resource of the cloud whose tags name the sandbox that it was created for.
protocol TaggedResource: Hashable, Sendable {
    associatedtype ID: Hashable & Sendable
    /// Identifies the resource among those of its kind.
    var id: ID { get }
    /// The tags: see ``InstanceTags``.
    var tags: [String: String] { get }
}

extension ListedInstance: TaggedResource {}
extension Leftover: TaggedResource {}
