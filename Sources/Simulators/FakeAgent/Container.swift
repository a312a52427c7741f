internal import LinuxIO
internal import TTRPC

/// A container of the stand-in: a group of processes with at most two namespaces.
/// It has no cgroup. Without an image, its processes see the files of the machine, with the container's mounts.
final class Container: Sendable {
    let id: String
    /// The first process; the container ends with it.
    let first: AgentProcess
    let place: ProcessNamespaces
    /// The files in which it runs; nil: those of the machine.
    let image: UnpackedImage?
    private let processes: Lock<[String: AgentProcess]>

    init(id: String, plan: ProcessPlan, place: ProcessNamespaces, image: UnpackedImage? = nil) {
        self.id = id
        self.place = place
        self.image = image
        first = AgentProcess(id: id, plan: plan, place: place, isFirst: true)
        processes = Lock([id: first])
    }

    /// All processes that were started in it, including those that have ended.
    var all: [AgentProcess] { processes.withLock { Array($0.values) } }

    /// Adds a process, which is not started.
    ///
    /// - Throws: a status when the id is in use.
    func add(_ id: String, _ plan: ProcessPlan) throws(Status) -> AgentProcess {
        let process = AgentProcess(id: id, plan: plan, place: place, isFirst: false)
        let isNew = processes.withLock { processes in
            if processes[id] != nil { return false }
            processes[id] = process
            return true
        }
        if !isNew { throw Status(.alreadyExists, "Exec id \(id) exists in container \(self.id)") }
        return process
    }

    /// Finds a process; an empty id means the first.
    ///
    /// - Throws: the real agent's status for an unknown id.
    func process(_ id: String) throws(Status) -> AgentProcess {
        if id.isEmpty { return first }
        guard let process = processes.withLock({ $0[id] }) else { throw Status(.notFound, "Invalid exec id") }
        return process
    }

    /// The living descendants of the container's processes.
    ///
    /// Each of its processes started a session. A process that left the session is found while an ancestor in the
    /// session lives. A daemon without such an ancestor lives until the VM ends.
    var living: [ProcessRecord] {
        let sessions = Set(all.compactMap(\.pid))
        var found: Set<Int32> = []
        return ProcessTable.descendants(of: ProcessTree.current).filter { process in
            guard sessions.contains(process.session) || found.contains(process.parent) else { return false }
            found.insert(process.pid)
            return !process.isZombie
        }
    }

    /// Sends a signal to all living processes; crun sends it to the first one, and to all if it kills.
    func signal(_ number: Int32) {
        if place.runtime != nil, number != Signals.kill { return first.signal(number) }
        for process in living { ProcessTree.signal(process.pid, number) }
    }

    /// Kills all processes and returns when none lives; works in a cancelled task, too.
    func end(on loop: EpollLoop) async {
        // A process that is stuck in the kernel must not block this task.
        let limit = ContinuousClock.now.advanced(by: .seconds(5))
        while ContinuousClock.now < limit {
            let victims = living
            if victims.isEmpty { return }
            // Stopped first, so that no child is missed; existing children are found in the next round.
            for victim in victims { ProcessTree.signal(victim.pid, Signals.stop) }
            for victim in living { ProcessTree.signal(victim.pid, Signals.kill) }
            // The kernel sends no event for the end of a process that is not a child of this process.
            try? await loop.sleep(for: .milliseconds(1))
        }
    }
}
