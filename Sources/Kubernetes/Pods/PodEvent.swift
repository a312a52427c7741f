internal import LinuxIO
package import PodVMLifecycle

/// An event as users see it on a pod.
package struct PodEvent: Hashable, Sendable {
    /// The longest note that an API server accepts, in bytes.
    static let noteLimit = 1024

    /// Whether something is wrong.
    let isWarning: Bool
    /// The reason in one word.
    package let reason: String
    /// What the adaptor did.
    package let action: String
    /// The text.
    package let note: String

    /// The event that shows `event`; nil for an event that users need not see.
    package init?(_ event: LifecycleEvent, of pod: ObservedPod) {
        switch event {
        case .preparing: return nil
        case .preparationFailed(let error):
            self.init(error, "PodVMNotPrepared", "Prepare")
        // The pod starts nevertheless.
        case .detailMissing(let reason): self.init(false, "PodVMDetailMissing", "Prepare", reason)
        // The place follows.
        case .requested: return nil
        case .placed(let place, let reason):
            self.init(
                false, "PodVMRequested", "Create",
                "Requested VM \(pod.vm) of size \(place) for sandbox \(pod.sandbox): \(reason)")
        case .refused(let refused):
            let next = refused.next.map { "trying \($0) next" } ?? "no other size or zone is left to try"
            self.init(
                false, "PodVMRefused", "Create",
                "VM \(pod.vm) was refused as \(refused.place), \(next): \(refused.detail)")
        case .addressKnown(let instance):
            let address = instance.addresses.first ?? "none"
            let place = instance.place.map { " (\($0))" } ?? ""
            self.init(
                false, "PodVMAddress", "Create",
                "VM \(pod.vm)\(place) has the address \(address); waiting for its agent")
        // The pod has not failed: the adaptor continues in another place.
        case .replaced(let error):
            self.init(
                false, "PodVMReplaced", "Create", "VM \(pod.vm) is created again with another size or zone: \(error)")
        case .running(let time):
            let seconds = Double(time / .milliseconds(100)).rounded() / 10
            self.init(false, "PodVMReady", "Create", "The agent in VM \(pod.vm) answered after \(seconds) s")
        case .startFailed(let error): self.init(error, "PodVMNotStarted", "Create")
        case .deleted: self.init(false, "PodVMDeleted", "Delete", "VM \(pod.vm) is deleted")
        case .deletionFailed(let reason):
            self.init(true, "PodVMNotDeleted", "Delete", "VM \(pod.vm) could not be deleted; trying again: \(reason)")
        }
    }

    /// A pod that was deleted during its start has no fault.
    private init(_ error: LifecycleError, _ reason: String, _ action: String) {
        self.init(error.code != .cancelled, reason, action, error.message)
    }

    private init(_ isWarning: Bool, _ reason: String, _ action: String, _ note: String) {
        self.isWarning = isWarning
        self.reason = reason
        self.action = action
        self.note = Self.shortened(note)
    }

    /// The beginning and the end, which has Azure's request id and the advice.
    private static func shortened(_ text: String) -> String {
        if text.utf8.count <= noteLimit { return text }
        let tail = String(String.UnicodeScalarView(part(of: text.unicodeScalars.reversed(), bytes: 500).reversed()))
        return String(String.UnicodeScalarView(part(of: text.unicodeScalars, bytes: 500))) + " … " + tail
    }

    private static func part(of scalars: some Sequence<Unicode.Scalar>, bytes: Int) -> [Unicode.Scalar] {
        var left = bytes
        return scalars.prefix { scalar in
            left -= UTF8.width(scalar)
            return left >= 0
        }
    }
}
