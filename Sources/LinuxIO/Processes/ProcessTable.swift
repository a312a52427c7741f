/// A process as /proc describes it.
public struct ProcessRecord: Hashable, Sendable {
    /// The kernel's number of the process. Another process may get the number after this process is reaped.
    public let pid: Int32
    /// The number of the parent.
    public let parent: Int32
    /// The number of the session, which is the number of the process that started the session.
    public let session: Int32
    /// Whether the process has ended and is not yet reaped.
    public let isZombie: Bool
    /// The start time in clock ticks since boot. `pid` and the start time together identify a process uniquely.
    public let startTime: UInt64
    /// The processor time that the process has used, in clock ticks.
    public let processorTime: UInt64

    /// Reads the process with this number; nil if there is none.
    public init?(pid: Int32) {
        guard let text = ProcessTable.read("/proc/\(pid)/stat") else { return nil }
        // pid (name) state parent group session …: the name may have spaces and parentheses, so parsing starts after
        // the name.
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
/// The result is a snapshot. A caller that acts on it must read it again afterwards.
public enum ProcessTable {
    /// The processes whose parent is `pid`, zombies included.
    public static func children(of pid: Int32) -> [ProcessRecord] {
        var pids: [Int32] = []
        for thread in numbers(in: "/proc/\(pid)/task") {
            // Without CONFIG_PROC_CHILDREN the file is missing. Then the parent of every process must be read.
            guard let text = read("/proc/\(pid)/task/\(thread)/children") else {
                guard ProcessRecord(pid: pid) != nil else { return [] }
                return all().filter { $0.parent == pid }
            }
            pids += text.split(separator: " ").compactMap { Int32($0) }
        }
        return pids.compactMap { ProcessRecord(pid: $0) }
    }

    /// The descendants of `pid`, parents before their children, zombies included.
    public static func descendants(of pid: Int32) -> [ProcessRecord] {
        var found = children(of: pid)
        var next = 0
        while next < found.count {
            if !found[next].isZombie { found += children(of: found[next].pid) }
            next += 1
        }
        return found
    }

    /// Every visible process.
    public static func all() -> [ProcessRecord] { numbers(in: "/proc").compactMap { ProcessRecord(pid: $0) } }

    private static func numbers(in directory: String) -> [Int32] {
        ((try? Files.list(directory)) ?? []).compactMap { Int32($0) }
    }

    /// The text of a file in /proc; nil if the process has ended, or if the file is not readable.
    fileprivate static func read(_ path: String) -> String? {
        (try? DurableFile.read(path, limit: sizeLimit)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A limit that is larger than any file that is read here. The list of a process's children is the longest.
    private static let sizeLimit = 8 << 20
}
