/// Which of kata's shims is played.
enum ShimKind: String, CaseIterable, Sendable {
    /// The Go shim (kata 3): a connection for each call of the hypervisor, and a check of the agent every 5 s.
    case go
    /// The Rust shim (runtime-rs, kata 4): one connection to the hypervisor for the pod's life, which is never dialed
    /// again; a check of the agent every 30 s; StopVM with a limit of 1 s, whose failure is only logged.
    case rust
}

/// The time limits of a kata shim, and the interval of its health checks of the agent. The defaults are the Go shim's.
struct ShimTimeouts: Sendable {
    /// The limit of most calls to the agent.
    var call = Duration.seconds(60)
    var check = Duration.seconds(30)
    var createSandbox = Duration.seconds(300)
    var betweenChecks = Duration.seconds(5)
    /// The limit for dialing the agent's socket: kata's `dial_timeout`.
    var dialAgent = Duration.seconds(30)
    /// The limit of StopVM, for which the shim uses the deadline of its own caller.
    var stopVM = Duration.seconds(60)
    /// Whether a failure of StopVM is only logged.
    var onlyLogsStopFailure = false
    /// The time that outputs may stay open after the command has ended: its background processes may hold them without
    /// end.
    var graceForOutputs = Duration.seconds(2)
}

extension ShimTimeouts {
    /// The limits of a shim.
    init(of kind: ShimKind) {
        self.init()
        guard kind == .rust else { return }
        betweenChecks = .seconds(30)
        stopVM = .seconds(1)
        onlyLogsStopFailure = true
    }
}
