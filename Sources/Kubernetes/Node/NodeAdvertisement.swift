/// What this adaptor last did to its Node, and what it should do next: a value without a clock and without a server.
///
/// The owner annotation decides between two adaptors of one node: the later one writes it, and the earlier one then
/// leaves the Node alone. If the later one was a standby of the earlier one, and ends before it, the earlier one takes the
/// Node back.
package struct NodeAdvertisement: Equatable, Sendable {
    /// The annotation that names the adaptor's pod, by its UID.
    static let ownerAnnotation = "kata.peerpods.io/caa-owner"
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
    /// The other adaptor that owned the Node when it was last seen; nil: there was none.
    private(set) var other: String?
    /// Whether a standby of this adaptor has been seen since the other adaptor owns the Node.
    private var sawStandby = false

    /// An adaptor that has not written its Node yet.
    package init(owner: String, limit: Int) {
        self.owner = owner
        self.limit = limit
    }

    /// The step for a Node as it is now; nil for a Node that does not exist.
    package mutating func step(for node: ClusterNode?) -> Step {
        if isWithdrawn { return .leave }
        guard let node else { return .wait }
        // The first claim takes the Node from an older adaptor.
        if claim == .none { return .advertise }
        switch node.metadata.annotations[Self.ownerAnnotation] {
        case owner?:
            keep()
            return node.capacity[Self.resource] == String(limit) ? .rest : .advertise
        // A kubelet has registered the Node as a new object, without annotations.
        case nil:
            keep()
            return .advertise
        case let other?:
            self.other = other
            return .yield
        }
    }

    /// The step of the adaptor that serves this node, when another adaptor owns the Node and a standby waits or does not.
    ///
    /// The other adaptor is this one's standby if a standby waits at the same time. An adaptor of another kind, which is
    /// never a standby, keeps the Node.
    package mutating func step(standbyWaits: Bool) -> Step {
        guard claim == .made, other != nil else { return .rest }
        if standbyWaits { sawStandby = true }
        return sawStandby && !standbyWaits ? .advertise : .yield
    }

    /// The step of an adaptor that begins to serve this node: it was a standby, and others may have been, too.
    var stepWhenServing: Step { claim == .made && other != nil ? .advertise : .rest }

    private mutating func keep() { (other, sawStandby) = (nil, false) }

    /// Whether this adaptor has not written its Node yet.
    var hasNoClaim: Bool { claim == .none }

    /// Whether the capacity must not be written again.
    var isWithdrawn: Bool { claim == .withdrawn }

    /// Records that the Node was written.
    package mutating func claimed() {
        if claim == .none { claim = .made }
        keep()
    }

    /// Records that the capacity is withdrawn permanently.
    package mutating func withdrawn() { claim = .withdrawn }

    /// The owner for whom the capacity is withdrawn: this adaptor, or its standby that has ended before it.
    func ownerToWithdraw(standbyWaits: Bool) -> String {
        sawStandby && !standbyWaits ? other ?? owner : owner
    }
}
