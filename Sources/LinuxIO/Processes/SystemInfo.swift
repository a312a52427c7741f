internal import CLinux
internal import Glibc

/// Facts about this machine and this process.
public enum SystemInfo {
    /// Raises the limit of open descriptors to the allowed maximum, and returns this maximum.
    @discardableResult
    public static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(resource, &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Makes freed large blocks of memory return to the kernel immediately, permanently.
    ///
    /// Without this call, malloc keeps large blocks after the first large block is freed. Then a daemon stays as large
    /// as the largest object that it ever held.
    public static func returnFreedMemory() {
        // An explicit threshold (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of mallopt(3)) disables the automatic adjustment.
        clinux_keep_at_most(256 << 10)
    }

    /// The number of open descriptors of this process.
    public static var openDescriptors: Int {
        // The directory listing itself has one descriptor open.
        ((try? Files.list("/proc/self/fd"))?.count ?? 1) - 1
    }

    /// The resident memory of a process in bytes; nil if there is no such process.
    public static func residentBytes(of pid: Int32) -> Int? {
        guard let bytes = try? DurableFile.read("/proc/\(pid)/statm", limit: 4096) else { return nil }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(CInt(_SC_PAGESIZE))) } : nil
    }

    /// The processor time that a process has used, in seconds; nil if there is no such process.
    public static func processorSeconds(of pid: Int32) -> Double? {
        ProcessRecord(pid: pid).map { Double($0.processorTime) / Double(sysconf(CInt(_SC_CLK_TCK))) }
    }

    /// The file that this program was started from.
    public static var executablePath: String {
        unsafe text(of: Int(PATH_MAX)) { unsafe readlink("/proc/self/exe", $0, $1) }
    }

    /// The directory to which relative paths refer.
    public static var workingDirectory: String {
        unsafe text(of: Int(PATH_MAX)) { unsafe getcwd($0, $1) == nil ? -1 : 0 }
    }

    /// Whether this process runs as root.
    public static var isRoot: Bool { geteuid() == 0 }

    /// The wall clock: seconds since 1970, and nanoseconds within the second.
    public static var wallClock: (seconds: Int64, nanoseconds: Int) {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return (Int64(time.tv_sec), time.tv_nsec)
    }

    /// The machine's name.
    public static var hostName: String { unsafe text(of: 256) { unsafe Int(gethostname($0, $1 - 1)) } }

    /// The text that `fill` writes into a buffer of `size` bytes, up to the first NUL.
    private static func text(of size: Int, _ fill: (UnsafeMutablePointer<CChar>, Int) -> Int) -> String {
        var buffer = [CChar](repeating: 0, count: size)
        _ = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe fill($0, buffer.count) }
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
