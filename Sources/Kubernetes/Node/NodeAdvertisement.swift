/// What this adaptor last did to its Node, and what it should do next: a value without a clock and without a server.
///
/// The owner annotation decides between two adaptors of one node: the later one writes it, and the earlier one then
/// leaves the Node alone.
package struct NodeAdvertisement: Equatable, Sendable {
    /// The annotation that names the adaptor's pod, by its UID.
    package static let ownerAnnotation = "kata.peerpods.io/caa-owner"
    /// The resource that counts pod VMs.
    package static let resource = "kata.peerpods.io/vm"

    /// What to do with the Node.
    package enum Step: Equatable, Sendable {
        /// Write owner and capacity.
        case advertise
        /// The Node is as it should be.
        case rest
        /// Another adaptor owns the Node.
        case yield
        /// The Node does not exist.
        case wait
    }

    /// This adaptor's id: the UID of its pod.
    package let owner: String
    /// The number of pod VMs.
    package let limit: Int
    /// Whether this adaptor has written the Node at least once.
    private var hasClaimed = false

    /// An adaptor that has not written its Node yet.
    package init(owner: String, limit: Int) {
        self.owner = owner
        self.limit = limit
    }

    /// The step for a Node as it is now; nil for a Node that does not exist.
    package func step(for node: ClusterNode?) -> Step {
        guard let node else { return .wait }
        // The first claim takes the Node from an older adaptor.
        guard hasClaimed else { return .advertise }
        switch node.metadata.annotations[Self.ownerAnnotation] {
        case owner?: return node.capacity[Self.resource] == String(limit) ? .rest : .advertise
        // A kubelet has registered the Node as a new object, without annotations.
        case nil: return .advertise
        case _?: return .yield
        }
    }

    /// Says that the Node was written.
    package mutating func claimed() { hasClaimed = true }
}
