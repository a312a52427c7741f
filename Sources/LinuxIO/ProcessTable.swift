internal import CLinux
internal import Glibc

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

/// Who descends from whom, read from /proc.
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

    /// One variable of the environment `pid` was started with; nil as well when it may not be read.
    public static func environment(of pid: Int32, variable name: String) -> String? {
        guard let text = read("/proc/\(pid)/environ") else { return nil }
        let prefix = name + "="
        return text.split(separator: "\0").first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    private static func numbers(in directory: String) -> [Int32] {
        guard let handle = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(handle) }
        var numbers: [Int32] = []
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if let number = Int32(name) { numbers.append(number) }
        }
        return numbers
    }

    /// The text of a file of /proc, whose size is not known before it is read.
    fileprivate static func read(_ path: String) -> String? {
        let number = unsafe clinux_open(path, O_RDONLY, 0)
        if number == -1 { return nil }
        let fd = OwnedFD(owning: number)
        var bytes: [UInt8] = []
        while true {
            let offset = bytes.count
            bytes += [UInt8](repeating: 0, count: 4096)
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(fd.rawValue, buffer.baseAddress?.advanced(by: offset), 4096)
            }
            if count == -1, errno == EINTR {
                bytes.removeLast(4096)
                continue
            }
            guard count >= 0 else { return nil }  // It ended while we looked.
            bytes.removeLast(4096 - count)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        }
    }
}
