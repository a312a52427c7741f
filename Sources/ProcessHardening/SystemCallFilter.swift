internal import CSeccomp
internal import LinuxIO

/// The system calls that a process may make. The kernel refuses all other calls (seccomp(2)).
///
/// A refused call fails with ENOSYS, as on a kernel without this call. Then libraries use an older call, and code that
/// needs the call reports an error. If the filter ended the process instead, all pods that it serves would be cut off.
public struct SystemCallFilter: Sendable {
    /// How the kernel handles a call that is not on the list.
    public enum Mode: String, CaseIterable, Sendable {
        /// The kernel refuses the call.
        case enforce
        /// The kernel allows the call and records it in its audit log.
        case log
        /// There is no filter.
        case off
    }

    /// A call that is allowed if all conditions are true.
    struct Rule: Sendable {
        let call: String
        var conditions: [Condition] = []
    }

    /// A condition: an argument, counted from 0, has the bits of `value` within the bits of `mask`.
    struct Condition: Sendable {
        let argument: UInt32
        let mask: UInt64
        let value: UInt64
    }

    /// The allowed calls. A call may have several rules, and one of them must be true.
    let rules: [Rule]

    init(_ groups: [Rule]...) { rules = groups.flatMap { $0 } }

    /// Filters the calls of all threads of this process, and of all processes that it starts, permanently.
    ///
    /// - Throws: ``SystemCallError``. Then no call is filtered.
    func install(_ mode: Mode) throws(SystemCallError) {
        if mode == .off { return }
        guard let context = unsafe seccomp_init(mode == .log ? UInt32(SCMP_ACT_LOG) : cseccomp_refuse) else {
            throw SystemCallError(call: "seccomp_init", errno: ENOMEM, subject: "system calls")
        }
        defer { unsafe seccomp_release(context) }
        func set(_ attribute: scmp_filter_attr, _ value: UInt32) throws(SystemCallError) {
            try Self.check("seccomp_attr_set", unsafe seccomp_attr_set(context, attribute, value))
        }
        try set(SCMP_FLTATR_CTL_TSYNC, 1)
        // Calls of another architecture's table (i386 on x86-64) are also not on the list.
        try set(SCMP_FLTATR_ACT_BADARCH, cseccomp_refuse)
        // The kernel searches a tree instead of a list.
        try set(SCMP_FLTATR_CTL_OPTIMIZE, 2)
        // Kernels before 5.16 slow a filtered process down against Spectre v4, which is not related to a filter.
        try set(SCMP_FLTATR_CTL_SSB, 1)
        // A filter cannot read the flags of clone3, so clone3 is not on the list, and glibc calls clone instead. Mode
        // `log` allows clone3, so that the log does not record it.
        let rules = rules + (mode == .log ? Rule.all("clone3") : [])
        for rule in rules {
            let number = unsafe seccomp_syscall_resolve_name(rule.call)
            // The library is older than the call. Below, the architecture does not have the call.
            if number == __NR_SCMP_ERROR { continue }
            let conditions = rule.conditions.map {
                scmp_arg_cmp(arg: $0.argument, op: SCMP_CMP_MASKED_EQ, datum_a: $0.mask, datum_b: $0.value)
            }
            try Self.check(
                "seccomp_rule_add(\(rule.call))",
                unsafe seccomp_rule_add_array(
                    context, UInt32(SCMP_ACT_ALLOW), number, UInt32(conditions.count), conditions))
        }
        try Self.check("seccomp_load", unsafe seccomp_load(context))
    }

    private static func check(_ call: String, _ outcome: CInt) throws(SystemCallError) {
        if outcome < 0 { throw SystemCallError(call: call, errno: -outcome, subject: "system calls") }
    }
}

extension SystemCallFilter.Rule {
    /// Allows each of `calls` with any arguments.
    static func all(_ calls: String) -> [Self] {
        calls.split(whereSeparator: \.isWhitespace).map { Self(call: "\($0)") }
    }

    /// Allows `call` if its argument has exactly one of `values` in the bits of `mask`.
    static func one(
        _ call: String, argument: UInt32, mask: UInt64 = 0xffff_ffff, of values: UInt64...
    ) -> [Self] {
        values.map { Self(call: call, conditions: [.init(argument: argument, mask: mask, value: $0)]) }
    }
}
