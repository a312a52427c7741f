internal import PodVMLifecycle

/// How an operation of a port ends.
enum Ending {
    /// The schedule lets it end.
    case completed
    /// The caller's task was cancelled.
    case cancelled
    /// The process crashed during the operation: the operation may take effect, and no task sees its result.
    case crashed
    /// The process crashed before the operation: it has no effect.
    case dead
}

/// A call of a port that waits for the schedule.
struct Operation {
    /// When the schedule may complete the operation.
    enum Readiness {
        case always
        /// The lock on the pods directory: only when no process has it.
        case lockIsFree
        /// A watch: only when the VM no longer exists.
        case vmGone(InstanceID)
        /// A connection: only when the VM exists.
        case vmServes(InstanceID)
    }

    let id: Int
    let process: Int
    let readiness: Readiness
    /// Carries the operation out, and returns what resumes its caller.
    let finish: (inout WorldState, Ending) -> () -> Void
    var isCancelled = false
}

/// A task that sleeps.
struct Sleeper {
    let id: Int
    let process: Int
    let due: Duration
    /// Wakes the task; false throws a `CancellationError` in it.
    let wake: (Bool) -> Void
}

/// A request of a process that crashed, which takes effect later.
struct LateRequest {
    let due: Duration
    let apply: (inout WorldState) -> Void
}
