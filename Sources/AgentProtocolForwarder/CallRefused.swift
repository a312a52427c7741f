/// A request that two readers of protobuf could take for different calls, or that cannot be read: its connection ends.
///
/// It is not passed on for the agent to refuse: the agent's reader may be more lenient than ours.
public struct CallRefused: Error, Equatable, Sendable, CustomStringConvertible {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    /// The refusal, its reason, and what to do.
    public var description: String {
        "a request to the agent is refused: \(reason); a kata shim does not send such a request: find the program that connects to the agent socket"
    }
}
