/// How long kata's Go shim waits for what, and how often it asks whether the agent is well.
struct ShimTimeouts: Sendable {
    /// For most calls to the agent.
    var call = Duration.seconds(60)
    var check = Duration.seconds(30)
    var createSandbox = Duration.seconds(300)
    var betweenChecks = Duration.seconds(5)
    /// How long the agent's socket is dialed: kata's `dial_timeout`.
    var dialAgent = Duration.seconds(30)
    /// For StopVM, which the shim gives the deadline of its own caller.
    var stopVM = Duration.seconds(60)
    /// How long outputs may stay open after the command has ended: its background processes may hold them without end.
    var graceForOutputs = Duration.seconds(2)
}
