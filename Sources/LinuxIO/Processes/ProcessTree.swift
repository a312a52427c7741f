internal import CLinux
internal import Glibc

/// Processes and those they started.
public enum ProcessTree {
    /// Makes descendants whose parents die children of this process, rather than of init.
    public static func becomeSubreaper() { _ = clinux_become_subreaper() }

    /// Has the kernel kill this process, or send it another signal, when the thread that started it ends.
    ///
    /// If the parent ended before the call, there is no signal; so the caller passes the expected parent.
    public static func dieWithParent(_ expected: Int32? = nil, with signal: Int32 = Signals.kill) {
        _ = clinux_die_with_parent(signal)
        if let expected, getppid() != expected { _ = kill(getpid(), signal) }
    }

    /// Reaps the children of this process that have ended, except those that another task waits for.
    ///
    /// A subreaper calls it on `SIGCHLD`, for it becomes the parent of processes that it never started.
    public static func reapOrphans(except known: Set<Int32>) {
        for child in ProcessTable.children(of: current) where child.isZombie && !known.contains(child.pid) {
            _ = waitpid(child.pid, nil, WNOHANG)
        }
    }

    /// Becomes another program: the process, its number and its parent stay.
    ///
    /// - Returns: only if there is no such program, or it cannot be run.
    public static func become(_ executable: String, arguments: [String]) -> SystemCallError {
        let list = CStrings([executable] + arguments)
        _ = unsafe execv(executable, list.pointers)
        return SystemCallError(call: "execv", errno: errno, subject: executable)
    }

    /// This process's number.
    public static var current: Int32 { getpid() }

    /// Whether this process runs as root.
    package static var isRoot: Bool { geteuid() == 0 }

    /// The parent's number.
    public static var parent: Int32 { getppid() }

    /// Whether a process of that number exists and is not a zombie.
    public static func isAlive(_ pid: Int32) -> Bool {
        ProcessRecord(pid: pid).map { !$0.isZombie } ?? false
    }

    /// Sends a signal; false when there is no such process (or it is not ours to signal).
    @discardableResult
    public static func signal(_ pid: Int32, _ number: Int32) -> Bool { kill(pid, number) == 0 }

    /// Every living descendant of `pid`, without itself.
    public static func descendants(of pid: Int32) -> [Int32] {
        ProcessTable.descendants(of: pid).filter { !$0.isZombie }.map(\.pid)
    }

    /// Kills every descendant of `pid`, those born meanwhile included; `pid` itself lives.
    ///
    /// All are stopped before any is killed, so that none can have children unseen.
    public static func killDescendants(of pid: Int32) {
        var known: Set<Int32> = []
        while true {
            let fresh = descendants(of: pid).filter { known.insert($0).inserted }
            if fresh.isEmpty { break }
            for process in fresh { signal(process, SIGSTOP) }
        }
        for process in known { signal(process, SIGKILL) }
    }
}
