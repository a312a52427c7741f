internal import CLinux
internal import Glibc

/// How a process gives up what it does not need. None of it can be taken back.
public enum Privileges {
    /// Keeps the memory of this process out of core dumps, and from other processes without `CAP_SYS_PTRACE`.
    ///
    /// The files of this process in /proc belong to root from here on; the process itself still reads them. A program that it
    /// starts has no core dumps either, but its memory can be read again.
    public static func hideMemory() {
        // Every process may have less, so neither call can fail.
        var none = rlimit()
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = clinux_hide_memory()
    }
}
