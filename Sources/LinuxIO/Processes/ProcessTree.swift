internal import CLinux
internal import Glibc

/// Processes and their descendants.
public enum ProcessTree {
    /// Makes this process, rather than init, the new parent of descendants whose parents end.
    public static func becomeSubreaper() { _ = clinux_become_subreaper() }

    /// Makes the kernel kill this process, or send it another signal, when the thread that started it ends.
    ///
    /// If the parent has ended before the call, the kernel sends no signal. So the caller passes the expected parent.
    public static func dieWithParent(_ expected: Int32? = nil, with signal: Int32 = Signals.kill) {
        _ = clinux_die_with_parent(signal)
        if let expected, getppid() != expected { _ = kill(getpid(), signal) }
    }

    /// Reaps the ended children of this process, except those that another task waits for.
    ///
    /// A subreaper calls this on `SIGCHLD`, because it becomes the parent of processes that it did not start.
    public static func reapOrphans(except known: Set<Int32>) {
        for child in ProcessTable.children(of: current) where child.isZombie && !known.contains(child.pid) {
            _ = waitpid(child.pid, nil, WNOHANG)
        }
    }

    /// Replaces the program of this process. The process, its number and its parent stay the same.
    ///
    /// - Returns: only if the program does not exist, or cannot be run.
    public static func become(
        _ executable: String, arguments: [String], environment: [String: String] = Environment.all
    ) -> SystemCallError {
        let list = CStrings([executable] + arguments)
        let variables = CStrings(environment.map { "\($0.key)=\($0.value)" })
        _ = unsafe execve(executable, list.pointers, variables.pointers)
        return SystemCallError(call: "execve", errno: errno, subject: executable)
    }

    /// The number of this process.
    public static var current: Int32 { getpid() }

    /// Whether this process runs as root.
    package static var isRoot: Bool { geteuid() == 0 }

    /// The number of the parent.
    public static var parent: Int32 { getppid() }

    /// Whether a process with this number exists and is not a zombie.
    public static func isAlive(_ pid: Int32) -> Bool {
        ProcessRecord(pid: pid).map { !$0.isZombie } ?? false
    }

    /// Sends a signal. Returns false if there is no such process (or if this process may not send it signals).
    @discardableResult
    public static func signal(_ pid: Int32, _ number: Int32) -> Bool { kill(pid, number) == 0 }

    /// Every living descendant of `pid`, without `pid` itself.
    public static func descendants(of pid: Int32) -> [Int32] {
        ProcessTable.descendants(of: pid).filter { !$0.isZombie }.map(\.pid)
    }

    /// Kills every descendant of `pid`, including those that start in the meantime. `pid` itself continues to run.
    ///
    /// This stops all descendants before it kills any, so that none can start an unnoticed child.
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
