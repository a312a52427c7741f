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
        /// This adaptor ends and has withdrawn the capacity, or is about to.
        case leave
    }

    private enum Claim {
        /// This adaptor has not written its Node yet.
        case none
        /// This adaptor has written its Node at least once.
        case made
        /// This adaptor does not write its Node any longer.
        case withdrawn
    }

    /// This adaptor's id: the UID of its pod.
    package let owner: String
    /// The number of pod VMs.
    package let limit: Int
    private var claim = Claim.none

    /// An adaptor that has not written its Node yet.
    package init(owner: String, limit: Int) {
        self.owner = owner
        self.limit = limit
    }

    /// The step for a Node as it is now; nil for a Node that does not exist.
    package func step(for node: ClusterNode?) -> Step {
        if isWithdrawn { return .leave }
        guard let node else { return .wait }
        // The first claim takes the Node from an older adaptor.
        if claim == .none { return .advertise }
        switch node.metadata.annotations[Self.ownerAnnotation] {
        case owner?: return node.capacity[Self.resource] == String(limit) ? .rest : .advertise
        // A kubelet has registered the Node as a new object, without annotations.
        case nil: return .advertise
        case _?: return .yield
        }
    }

    /// Whether the capacity must not be written again.
    package var isWithdrawn: Bool { claim == .withdrawn }

    /// Records that the Node was written.
    package mutating func claimed() { if claim == .none { claim = .made } }

    /// Records that the capacity is withdrawn permanently.
    package mutating func withdrawn() { claim = .withdrawn }
}
