internal import PodVMLifecycle

/// Everything outside the supervisor: disk, cloud, node, shims and time. A value, guarded by the lock of ``World``.
struct WorldState {
    var random: SeededRandom
    /// The virtual time since the schedule began.
    var time = Duration.zero
    /// The difference of the wall clock from the monotonic clock, in seconds.
    var wallClockOffset: Int64 = 0
    var disk = SimulatedDisk()
    var cloud: SimulatedCloud
    var node = SimulatedNode()
    var pods: [Pod] = []

    var operations: [Operation] = []
    var sleepers: [Sleeper] = []
    var lateRequests: [LateRequest] = []
    private var nextID = 0
    /// What each process does.
    var processes: [ProcessStatus] = []
    /// The process that has the lock on the pods directory.
    var lockHolder: Int?

    /// Whether a process answers calls.
    func isServing(_ process: Int) -> Bool { processes[process] == .serving || processes[process] == .ending }

    /// Whether the schedule injects faults.
    var isFaulty = true
    private(set) var trace = Trace()
    private(set) var faults = Tally<Fault>()
    private(set) var checks = Tally<Invariant>()
    private(set) var violation: Violation?

    /// The stages of a process.
    enum ProcessStatus {
        /// The process waits for the lock on the pods directory.
        case waiting
        case loading, serving
        /// The process has served, and got SIGTERM.
        case ending
        case dead
    }

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        cloud = SimulatedCloud()
    }

    /// A number that no other operation, call or VM has.
    mutating func makeID() -> Int {
        nextID += 1
        return nextID
    }

    mutating func note(_ step: Trace.Step, _ subject: Int = -1, _ detail: Int = 0) {
        trace.note(step, subject, detail, at: time)
    }

    /// True in `percent` of 100 cases while the schedule injects faults; counts the fault.
    mutating func inject(_ fault: Fault, _ percent: Int) -> Bool {
        guard isFaulty, random.chance(percent) else { return false }
        faults.count(fault)
        return true
    }

    /// Counts a fault that the schedule has chosen.
    mutating func count(_ fault: Fault) { faults.count(fault) }

    /// Checks a rule. The first broken rule ends the schedule.
    mutating func check(_ invariant: Invariant, _ holds: Bool, _ detail: @autoclosure () -> String) {
        checks.count(invariant)
        if !holds, violation == nil { violation = Violation(invariant: invariant, detail: detail()) }
    }

    /// The number of the pod with that sandbox; -1 for a sandbox of no pod.
    func pod(of sandbox: SandboxID) -> Int { pods.firstIndex { $0.id == sandbox } ?? -1 }

    func isDead(_ process: Int) -> Bool { processes[process] == .dead }

    /// Whether the schedule may complete the operation.
    func isReady(_ operation: Operation) -> Bool {
        if operation.isCancelled { return true }
        return switch operation.readiness {
        case .always: true
        case .lockIsFree: lockHolder == nil
        case .vmGone(let vm): cloud.vm(named: vm) == nil
        case .vmServes(let vm): cloud.vm(named: vm).map { !$0.isBroken } ?? false
        }
    }
}
