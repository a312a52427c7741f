internal import CLinux
internal import Glibc

/// What a long-lived process does about its own memory.
public enum ProcessMemory {
    /// Gives back what was allocated and is free by now: after a crowd, for example.
    public static func trim() { clinux_give_back_free() }

    /// Gives back the pages of programs and libraries that only the start needed.
    ///
    /// A daemon runs and reads far more of them before it serves than after: linking, reading its configuration,
    /// setting up its libraries. Those pages stay resident until memory is short. They are clean, so giving them back
    /// loses nothing: what is needed again comes back from the page cache. What was relocated at the start is our own
    /// copy, though now read-only too, and would be lost: a mapping that has any such page stays as it is.
    ///
    /// What was allocated meanwhile and is free by now goes back too.
    public static func forgetStartUp() {
        trim()
        // Large enough to be mapped, and so given back itself.
        guard let bytes = try? DurableFile.read("/proc/self/smaps", limit: 8 << 20) else { return }
        for mapping in MappedFile.unwritten(bytes) {
            guard let start = unsafe UnsafeMutableRawPointer(bitPattern: mapping.start) else { continue }
            _ = unsafe madvise(start, mapping.size, MADV_DONTNEED)
        }
    }
}

/// A file's part in the address space, as proc_pid_smaps(5) has it.
struct MappedFile: Equatable {
    let start: UInt
    let size: Int

    /// The mappings that cannot be written to and have no page that differs from the file.
    static func unwritten(_ smaps: [UInt8]) -> [MappedFile] {
        var found: [MappedFile] = []
        var current: MappedFile?
        for line in smaps.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            guard let name = fields.first, name.last == UInt8(ascii: ":") else {
                if let current { found.append(current) }
                current = MappedFile(fields)
                continue
            }
            let isOurs = name.elementsEqual("Anonymous:".utf8) || name.elementsEqual("Swap:".utf8)
            if isOurs, fields.count < 2 || !fields[1].elementsEqual("0".utf8) { current = nil }
        }
        if let current { found.append(current) }
        return found
    }

    /// From `7f00-7f80 r-xp 00002000 fe:00 253911   /usr/bin/cat`; nil if it is not a file, or is writable.
    private init?(_ fields: [ArraySlice<UInt8>]) {
        guard fields.count == 6, fields[1].elementsEqual("r-xp".utf8) || fields[1].elementsEqual("r--p".utf8),
            fields[5].first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "/")
        else { return nil }
        let ends = fields[0].split(separator: UInt8(ascii: "-")).compactMap {
            UInt(String(decoding: $0, as: UTF8.self), radix: 16)
        }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        start = ends[0]
        size = Int(ends[1] - ends[0])
    }

    init(start: UInt, size: Int) {
        self.start = start
        self.size = size
    }
}
