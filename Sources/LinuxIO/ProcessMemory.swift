internal import Glibc

/// What a long-lived process does about its own memory.
public enum ProcessMemory {
    /// Gives back the pages of program text that only the start needed.
    ///
    /// A daemon runs far more code before it serves than after: linking, reading its
    /// configuration, setting up its libraries. Those pages stay resident until memory is short.
    /// They are clean, so unmapping them loses nothing: what is needed again comes back
    /// from the page cache. Only text is touched; data that was relocated at the start
    /// looks like an unwritten file to the kernel, and would be lost.
    public static func forgetStartUp() {
        guard let bytes = try? DurableFile.read("/proc/self/maps", limit: 1 << 20) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else {
                continue
            }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, let start = unsafe UnsafeMutableRawPointer(bitPattern: ends[0]) else { continue }
            _ = unsafe madvise(start, Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
    }
}
