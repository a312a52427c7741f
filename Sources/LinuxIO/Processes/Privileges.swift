internal import CLinux
internal import Glibc

/// A part of root's rights that a process can have without the other parts (capabilities(7)), by the kernel's number.
public enum Capability: Int32, CaseIterable, Sendable, CustomStringConvertible {
    case netBindService = 10
    case netAdmin = 12
    case sysAdmin = 21

    /// The name of the capability, such as `NET_ADMIN`.
    public var description: String {
        switch self {
        case .netBindService: "NET_BIND_SERVICE"
        case .netAdmin: "NET_ADMIN"
        case .sysAdmin: "SYS_ADMIN"
        }
    }
}

/// Functions by which a process gives up rights that it does not need. No right can be regained.
public enum Privileges {
    /// Excludes the memory of this process from core dumps, and hides it from other processes without `CAP_SYS_PTRACE`.
    ///
    /// Afterwards the files of this process in /proc belong to root; the process itself can still read them. A program
    /// that this process starts has no core dumps either, but its memory can be read again.
    public static func hideMemory() {
        // Every process may lower its limits, so neither call can fail.
        var none = rlimit()
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = clinux_hide_memory()
    }

    /// Drops every capability except `kept` from this thread and from all processes that it starts. They cannot regain
    /// it.
    ///
    /// Call this while the process has only one thread, because the kernel stores capabilities for each thread.
    public static func keepOnly(_ kept: [Capability]) throws(SystemCallError) {
        let kept = kept.reduce(into: UInt64(0)) { $0 |= 1 << UInt64($1.rawValue) }
        var permitted: UInt64 = 0
        _ = try systemCall("capget") { unsafe clinux_get_capabilities(&permitted) }
        _ = try systemCall("prctl", on: "PR_CAP_AMBIENT") { clinux_clear_ambient() }
        // Without SETPCAP the bounding set does not change. With no_new_privs the bounding set then has no effect.
        if permitted & 1 << setPCap != 0 {
            var number: CInt = 0
            while case let isBound = clinux_bounding_has(number), isBound >= 0 {
                if isBound == 1, kept & 1 << UInt64(number) == 0 {
                    _ = try systemCall("prctl", on: "PR_CAPBSET_DROP") { clinux_bounding_drop(number) }
                }
                number += 1
            }
        }
        // A service manager may have dropped all other capabilities already, and may have blocked the call.
        if permitted & ~kept != 0 { _ = try systemCall("capset") { clinux_set_capabilities(permitted & kept) } }
        _ = try systemCall("prctl", on: "PR_SET_NO_NEW_PRIVS") { clinux_no_new_privileges() }
    }

    /// The capability that permits changes of the bounding set.
    private static let setPCap: UInt64 = 8
}
