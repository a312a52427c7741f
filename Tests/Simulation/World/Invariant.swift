/// The rules that the simulation checks.
package enum Invariant: String, CaseIterable, Sendable {
    case recordBeforeEffect = "the cloud gets a request for a VM only when the VM's record is durable"
    case recordsMoveForward = "a record moves only along the state machine"
    case vmOwnedOnce = "no VM has two owners"
    case numberNotShared = "no two pods share a VXLAN number"
    case numberHeldUntilDeletion = "a VXLAN number is released only when its VM is deleted"
    case damageNoticed = "a damaged record is set aside, and not used"
    case documentKept = "a start finds the sandbox's boot document"
    case livePodKept = "the VM of a running pod is deleted only when its shim has stopped the pod or has died"
    case foreignUntouched = "the VMs of other nodes and clusters are not touched"
    case noVMWithoutOwner = "at rest, every VM has an owner"
    case untaggedHasOwner = "at rest, a VM without its tags still has its sandbox"
    case noLeftover = "at rest, every interface, disk and address without a VM has an owner"
    case recordOfThisVM = "at rest, a running record is not of another VM of the same name"
    case stoppedIsGone = "at rest, nothing is left of a stopped pod"
    case livePodRuns = "at rest, every live pod runs"
    case comesToRest = "without faults, every call ends"
    case processUnwinds = "all tasks of a process end with the process"
    case noEscape = "all tasks of a process run on its executor"
}

/// A broken rule.
package struct Violation: Equatable, Sendable, CustomStringConvertible {
    /// The rule.
    package let invariant: Invariant
    /// How the rule was broken, with the numbers of pods and VMs.
    package let detail: String

    /// The rule and the detail, in one line.
    package var description: String { "broken: \(invariant.rawValue): \(detail)" }
}
