package import Configuration
internal import Telemetry

extension SandboxSupervisor.Options {
    /// The flags and variables of the options that an operator may set.
    package static let settings: [Setting<Self>] = [
        Setting(
            "orphan-grace-time", environment: "ORPHAN_GRACE_TIME", \.orphanGraceTime,
            .duration(in: .milliseconds(100) ... .seconds(30 * 86_400)),
            "How long a VM with this node's tags must have no sandbox on record before it is deleted."),
        Setting(
            "abandoned-sandbox-timeout", environment: "ABANDONED_SANDBOX_TIMEOUT", \.abandonedTimeout,
            .duration(in: .zero ... .seconds(86_400)),
            """
            A sandbox is stopped and its VM deleted when for this long its network namespace is gone and its agent \
            socket has no connection. At most 10s for sandboxes from before a restart. 0s: never.
            """),
        Setting(
            "deletions-at-once", environment: "DELETIONS_AT_ONCE", \.deletionsAtOnce, .integer(in: 1...1000),
            "How many VMs are deleted at the same time. The others wait."),
    ]
}
