internal import PodVMLifecycle

/// A defect that a schedule plants, so that the simulation shows that it can fail.
package enum Defect: String, CaseIterable, Sendable {
    /// The record of a new VM is not written.
    case noRecord = "no-record"
    /// The record of a new VM is not synced.
    case noSync = "no-sync"
    /// The VMs without an owner are not looked for.
    case noSweep = "no-sweep"
    /// Every sandbox of an earlier process is deleted.
    case deleteAtLoad = "delete-at-load"
    /// A failed deletion of a VM counts as a deletion.
    case trustFailedDeletion = "trust-failed-deletion"
    /// The VXLAN number is released when the pod is disconnected.
    case earlyRelease = "early-release"
    /// The boot document is removed before it is on record that the sandbox runs.
    case earlyDiscard = "early-discard"
    /// The numbers of the sandboxes of an earlier process are not reserved.
    case noAdoption = "no-adoption"
    /// A sandbox whose record is damaged counts as one that was stopped.
    case forgetDamaged = "forget-damaged"
    /// A process serves while another one has the lock on the pods directory.
    case noLock = "no-lock"
    /// The list of the VMs lacks their identifiers.
    case noVMID = "no-vm-id"
    /// The list of the VMs lacks the VMs without tags.
    case noUntagged = "no-untagged"
    /// The resources without a VM are not listed.
    case noLeftovers = "no-leftovers"
    /// A port continues on Swift's own pool.
    case escape = "escape"

    /// The rules of which the first broken one must be one.
    var rules: [Invariant] {
        switch self {
        case .noRecord, .deleteAtLoad, .noLock: [.recordsMoveForward]
        case .noSync: [.recordBeforeEffect]
        case .noSweep: [.noVMWithoutOwner]
        case .trustFailedDeletion, .earlyRelease, .noUntagged: [.numberHeldUntilDeletion]
        case .earlyDiscard: [.documentKept]
        case .noAdoption: [.numberNotShared]
        case .forgetDamaged: [.stoppedIsGone]
        case .noVMID: [.recordOfThisVM]
        case .noLeftovers: [.noLeftover]
        // A crash, or the rest of the schedule, can come before the escaped task returns; then another rule is broken.
        case .escape: [.noEscape, .processUnwinds, .stoppedIsGone, .comesToRest]
        }
    }
}

/// The ports of one simulated process.
struct Ports {
    let store: any RecordStore
    let provider: any CloudProvider
    let connector: any PodConnector
    let namespaces: any PodNamespaces
    let clock: any LifecycleClock

    init(world: World, process: Int, defect: Defect?) {
        let store = SimulatedStore(world: world, process: process)
        let provider = SimulatedProvider(world: world, process: process)
        let connector = SimulatedConnector(world: world, process: process)
        namespaces = SimulatedNamespaces(world: world)
        clock = SimulatedClock(world: world, process: process)
        self.store = defect.map { DefectiveStore(store: store, defect: $0) } ?? store
        self.provider = defect.map { DefectiveProvider(provider: provider, defect: $0) } ?? provider
        self.connector = defect.map { DefectiveConnector(connector: connector, defect: $0) } ?? connector
    }
}
