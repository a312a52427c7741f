/// The time limits of kata's Go shim, and the interval of its health checks of the agent.
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
    /// The time that outputs may stay open after the command has ended: its background processes may hold them without
    /// end.
    var graceForOutputs = Duration.seconds(2)
}
