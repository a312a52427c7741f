internal import CLinux
internal import Glibc

/// Functions with which a long-running process reduces its memory.
public enum ProcessMemory {
    /// Returns freed heap memory to the kernel, for example after a load peak.
    public static func trim() { clinux_give_back_free() }

    /// Releases the pages of programs and libraries that only the start needed.
    ///
    /// A daemon reads many more of these pages before it serves than after: for linking, reading its configuration and
    /// setting up its libraries. The pages stay resident until memory is short. They are clean, so releasing them loses
    /// no data: the kernel reads a page again from the page cache when a program needs it. Relocated pages are private
    /// copies, although they are now read-only, and would be lost. So a mapping that has such a page stays unchanged.
    ///
    /// The function also returns freed heap memory.
    public static func forgetStartUp() {
        trim()
        // The buffer is large enough to get a separate mapping, so its memory is returned too.
        guard let bytes = try? DurableFile.read("/proc/self/smaps", limit: 8 << 20) else { return }
        for mapping in MappedFile.unwritten(bytes) {
            guard let start = unsafe UnsafeMutableRawPointer(bitPattern: mapping.start) else { continue }
            _ = unsafe madvise(start, mapping.size, MADV_DONTNEED)
        }
    }
}

extension ProcessMemory {
    private static let settlingTime = Duration.seconds(10)
    private static let interval = Duration.seconds(60)

    /// Returns memory to the kernel that only the start, or a moment with much work, has needed: first after 10 s, then every
    /// minute, until this task is cancelled. It throws nothing else.
    public static func keepSmall(on loop: EpollLoop) async throws {
        var pause = settlingTime
        while true {
            try await loop.sleep(for: pause)
            forgetStartUp()
            pause = interval
        }
    }
}

/// A mapping of a file in the address space, as in proc_pid_smaps(5).
struct MappedFile: Equatable {
    let start: UInt
    let size: Int

    /// The mappings that are not writable and have no page that differs from the file.
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

    /// Parses `7f00-7f80 r-xp 00002000 fe:00 253911   /usr/bin/cat`. nil if the mapping has no file or is writable.
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
