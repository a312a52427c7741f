internal import LinuxIO
internal import TTRPC

/// A container of the stand-in: a name for some processes, and at most two namespaces around them.
///
/// There is no cgroup and no image: its processes see the machine that the stand-in runs on, with the container's
/// mounts.
final class Container: Sendable {
    let id: String
    /// The process the container lives and dies with.
    let first: AgentProcess
    private let place: ProcessPlace
    private let processes: Lock<[String: AgentProcess]>

    init(id: String, plan: ProcessPlan, place: ProcessPlace) {
        self.id = id
        self.place = place
        first = AgentProcess(id: id, plan: plan, place: place)
        processes = Lock([id: first])
    }

    /// All that were ever started in it, ended ones included.
    var all: [AgentProcess] { processes.withLock { Array($0.values) } }

    /// Adds a process to be started.
    ///
    /// - Throws: a status when the id is taken.
    func add(_ id: String, _ plan: ProcessPlan) throws(Status) -> AgentProcess {
        let process = AgentProcess(id: id, plan: plan, place: place)
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
    /// - Throws: what the real agent says when there is none.
    func process(_ id: String) throws(Status) -> AgentProcess {
        if id.isEmpty { return first }
        guard let process = processes.withLock({ $0[id] }) else { throw Status(.notFound, "Invalid exec id") }
        return process
    }

    /// The living processes that came of this container's.
    ///
    /// Each of its processes began a session. What left the session is found for as long as
    /// an ancestor in it lives; a daemon that did all it could to get away lives until the VM ends.
    var living: [ProcessRecord] {
        let sessions = Set(all.compactMap(\.pid))
        var found: Set<Int32> = []
        return ProcessTable.descendants(of: ProcessTree.current).filter { process in
            guard sessions.contains(process.session) || found.contains(process.parent) else { return false }
            found.insert(process.pid)
            return !process.isZombie
        }
    }

    /// Sends a signal to all that live.
    func signalAll(_ number: Int32) { for process in living { ProcessTree.signal(process.pid, number) } }

    /// Kills all that live, and returns once none does; also for a task that is cancelled.
    func end(on loop: EpollLoop) async {
        let limit = ContinuousClock.now.advanced(by: .seconds(5))  // One stuck in the kernel must not hold us up.
        while ContinuousClock.now < limit {
            let victims = living
            if victims.isEmpty { return }
            // Stopped first, so that none can have children unseen; those it had are found in the next round.
            for victim in victims { ProcessTree.signal(victim.pid, Signals.stop) }
            for victim in living { ProcessTree.signal(victim.pid, Signals.kill) }
            // The kernel says nothing when what is not our child has gone.
            try? await loop.sleep(for: .milliseconds(1))
        }
    }
}
