internal import CSeccomp
internal import LinuxIO

/// The system calls that a process may make; the kernel refuses every other one (seccomp(2)).
///
/// A refused call fails with ENOSYS, as on a kernel that does not have it: libraries then take an older call, and what
/// cannot do without it reports an error. Ending the process instead would cut off all pods that it serves.
public struct SystemCallFilter: Sendable {
    /// What happens to a call that is not on the list.
    public enum Mode: String, CaseIterable, Sendable {
        /// It is refused.
        case enforce
        /// It is made, and noted in the kernel's audit log.
        case log
        /// There is no filter.
        case off
    }

    /// A call that is allowed if all conditions hold.
    struct Rule: Sendable {
        let call: String
        var conditions: [Condition] = []
    }

    /// That an argument, counted from 0, has of the bits of `mask` those of `value`.
    struct Condition: Sendable {
        let argument: UInt32
        let mask: UInt64
        let value: UInt64
    }

    /// A call may have several rules, of which one has to hold.
    let rules: [Rule]

    init(_ groups: [Rule]...) { rules = groups.flatMap { $0 } }

    /// Filters the calls of all threads of this process, and of everything that it starts, permanently.
    ///
    /// - Throws: ``SystemCallError``, with nothing filtered.
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
        // Calls of another architecture's table (i386 on x86-64) are unlisted calls too.
        try set(SCMP_FLTATR_ACT_BADARCH, cseccomp_refuse)
        // A search tree instead of a list to walk.
        try set(SCMP_FLTATR_CTL_OPTIMIZE, 2)
        // Kernels before 5.16 slow a filtered process down against Spectre v4, which a filter has nothing to do with.
        try set(SCMP_FLTATR_CTL_SSB, 1)
        // A filter cannot see its flags, so it is refused, and glibc calls clone instead: that is nothing to note.
        let rules = rules + (mode == .log ? Rule.all("clone3") : [])
        for rule in rules {
            let number = unsafe seccomp_syscall_resolve_name(rule.call)
            // A library that is older than the call; and below, an architecture that does not have it.
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
    /// Each of `calls`, whatever its arguments.
    static func all(_ calls: String) -> [Self] {
        calls.split(whereSeparator: \.isWhitespace).map { Self(call: "\($0)") }
    }

    /// `call` if its argument has exactly one of `values` in the bits of `mask`.
    static func one(
        _ call: String, argument: UInt32, mask: UInt64 = 0xffff_ffff, of values: UInt64...
    ) -> [Self] {
        values.map { Self(call: call, conditions: [.init(argument: argument, mask: mask, value: $0)]) }
    }
}
