internal import CLinux
internal import Glibc

/// Processes and those they started.
public enum ProcessTree {
    /// Makes descendants whose parents die children of this process, rather than of init.
    public static func becomeSubreaper() { _ = clinux_prctl(PR_SET_CHILD_SUBREAPER, 1) }

    /// Has the kernel kill this process when the thread that started it ends.
    ///
    /// If the parent ended before the call, nothing would tell; so the caller says whom it expects.
    public static func dieWithParent(_ expected: Int32? = nil) {
        _ = clinux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL))
        if let expected, getppid() != expected { _ = kill(getpid(), SIGKILL) }
    }

    /// This process's number.
    public static var current: Int32 { getpid() }

    /// The parent's number.
    public static var parent: Int32 { getppid() }

    /// Whether a process of that number exists and is no zombie.
    public static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = ProcessStat(pid) else { return false }
        return stat.state != "Z" && stat.state != "X"
    }

    /// Sends a signal; false when there is no such process (or it is not ours to signal).
    @discardableResult
    public static func signal(_ pid: Int32, _ number: Int32) -> Bool { kill(pid, number) == 0 }

    /// When the process started, in clock ticks since boot: with the pid, a name that is never reused.
    public static func startTime(of pid: Int32) -> UInt64? { ProcessStat(pid)?.startTime }

    /// Every living descendant of `pid`, without itself.
    public static func descendants(of pid: Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for entry in (try? Files.list("/proc")) ?? [] {
            guard let candidate = Int32(entry), let stat = ProcessStat(candidate), stat.state != "Z" else { continue }
            children[stat.parent, default: []].append(candidate)
        }
        var found: [Int32] = []
        var open = [pid]
        while let next = open.popLast() {
            found += children[next] ?? []
            open += children[next] ?? []
        }
        return found
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

/// The fields of /proc/<pid>/stat that we read.
private struct ProcessStat {
    let state: Character
    let parent: Int32
    let startTime: UInt64

    init?(_ pid: Int32) {
        guard let bytes = try? DurableFile.read("/proc/\(pid)/stat", limit: 4096) else { return nil }
        // The name sits in parentheses and may hold anything, spaces and parentheses included.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let startTime = UInt64(fields[19])
        else { return nil }
        self.state = state
        self.parent = parent
        self.startTime = startTime
    }
}
