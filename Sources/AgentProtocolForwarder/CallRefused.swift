/// A request that two readers of protobuf could read as different calls, or that is unreadable. Its connection ends.
///
/// It is not passed to the agent, because the agent's reader may be more lenient than ours.
public struct CallRefused: Error, Equatable, Sendable, CustomStringConvertible {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    /// The refusal, its reason, and the next step.
    public var description: String {
        "a request to the agent is refused: \(reason); a kata shim does not send such a request: find the program that connects to the agent socket"
    }
}
