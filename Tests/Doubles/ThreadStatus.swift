internal import Glibc
internal import LinuxIO

/// Whether this program, and those that are built with it, have ThreadSanitizer in them: its own thread is there before
/// `main`, and it keeps memory that was freed.
package let hasThreadSanitizer = unsafe dlsym(nil, "__tsan_init") != nil

/// What the kernel reports of each thread of a process: its capabilities and its filter.
package struct ThreadStatus {
    private let fields: [String: String]

    /// The threads of the process `pid`, of which there is at least one; without ThreadSanitizer's, which is the second.
    package static func all(of pid: Int32) throws -> [ThreadStatus] {
        var threads = try Files.list("/proc/\(pid)/task").compactMap { Int32($0) }.sorted()
        if hasThreadSanitizer, threads.count > 1 { threads.remove(at: 1) }
        return threads.compactMap { thread in
            // One that has ended meanwhile is none.
            guard let text = try? DurableFile.read("/proc/\(pid)/task/\(thread)/status", limit: 1 << 16) else {
                return nil
            }
            return ThreadStatus(String(decoding: text, as: UTF8.self))
        }
    }

    private init(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: ":", maxSplits: 1) }
        fields = Dictionary(
            lines.map { ("\($0[0])", $0.count < 2 ? "" : "\($0[1].drop { $0 == "\t" || $0 == " " })") },
            uniquingKeysWith: { $1 })
    }

    /// Whether its system calls are filtered.
    package var isFiltered: Bool { fields["Seccomp"] == "2" }
    /// Whether a program that it executes could gain rights.
    package var mayGainRights: Bool { fields["NoNewPrivs"] != "1" }
    /// The capabilities that it has, or could have.
    package var capabilities: UInt64? {
        let sets = ["CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"].map {
            fields[$0].flatMap { UInt64($0, radix: 16) }
        }
        return sets.contains(nil) ? nil : sets.compactMap(\.self).reduce(0, |)
    }
}
