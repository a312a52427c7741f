/// A process as /proc tells it.
public struct ProcessRecord: Hashable, Sendable {
    /// The kernel's number for it; another process may get it once this one is reaped.
    public let pid: Int32
    /// Its parent's number.
    public let parent: Int32
    /// Its session's number, which is the number of the process that began it.
    public let session: Int32
    /// Whether it has ended and waits to be reaped.
    public let isZombie: Bool
    /// When it began, in clock ticks since boot: with `pid`, a name that is never used again.
    public let startTime: UInt64
    /// The processor time it has used, in clock ticks.
    public let processorTime: UInt64

    /// Looks a process up; nil when there is none.
    public init?(pid: Int32) {
        guard let text = ProcessTable.read("/proc/\(pid)/stat") else { return nil }
        // pid (name) state parent group session …: the name may have spaces and parentheses, so begin behind it.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let parent = Int32(fields[1]), let session = Int32(fields[3]),
            let user = UInt64(fields[11]), let system = UInt64(fields[12]), let start = UInt64(fields[19])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.session = session
        isZombie = fields[0] == "Z" || fields[0] == "X"
        startTime = start
        processorTime = user + system
    }
}

/// The parents and children of processes, read from /proc.
///
/// A snapshot of what moves: who acts on it looks again afterwards.
public enum ProcessTable {
    /// The processes whose parent is `pid`, zombies included.
    public static func children(of pid: Int32) -> [ProcessRecord] {
        var pids: [Int32] = []
        for thread in numbers(in: "/proc/\(pid)/task") {
            // Without CONFIG_PROC_CHILDREN the file is missing, and every process has to be asked.
            guard let text = read("/proc/\(pid)/task/\(thread)/children") else {
                guard ProcessRecord(pid: pid) != nil else { return [] }
                return all().filter { $0.parent == pid }
            }
            pids += text.split(separator: " ").compactMap { Int32($0) }
        }
        return pids.compactMap { ProcessRecord(pid: $0) }
    }

    /// The processes below `pid`, parents before their children, zombies included.
    public static func descendants(of pid: Int32) -> [ProcessRecord] {
        var found = children(of: pid)
        var next = 0
        while next < found.count {
            if !found[next].isZombie { found += children(of: found[next].pid) }
            next += 1
        }
        return found
    }

    /// Every process that can be seen.
    public static func all() -> [ProcessRecord] { numbers(in: "/proc").compactMap { ProcessRecord(pid: $0) } }

    private static func numbers(in directory: String) -> [Int32] {
        ((try? Files.list(directory)) ?? []).compactMap { Int32($0) }
    }

    /// The text of a file of /proc; nil when its process has ended, or may not be read.
    fileprivate static func read(_ path: String) -> String? {
        (try? DurableFile.read(path, limit: sizeLimit)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// More than any file has that is read here: a process's children are the longest.
    private static let sizeLimit = 8 << 20
}
