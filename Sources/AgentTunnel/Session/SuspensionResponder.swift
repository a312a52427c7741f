/// Answers calls of a client while the path to its VM is broken. The tunnel itself does not examine bytes.
///
/// One value serves one connection. It may hold back at most ``SuspensionLimits/heldBytes`` of the client's bytes, and
/// only while the path is broken.
public protocol SuspensionResponder: Sendable {
    /// Follows the client's bytes while the path is not broken.
    mutating func follow(_ bytes: UnsafeRawBufferPointer)

    /// Answers calls that were sent before the path broke.
    mutating func suspend(into answers: inout SuspendedAnswers)

    /// Processes the client's bytes while the path is broken. Appends to `output` what is to be sent later.
    mutating func process(
        _ bytes: UnsafeRawBufferPointer, into output: inout [UInt8], answers: inout SuspendedAnswers)

    /// Processes the agent's bytes, at any time, as a ``StreamFilter`` does.
    mutating func filterAnswers(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> FilterVerdict

    /// Returns the client's bytes that were held back. They are sent next.
    mutating func resume() -> [UInt8]

    /// What another responder needs to continue, while no bytes are held back.
    var snapshot: [UInt8] { get }

    /// Continues where the responder was that made the snapshot. Returns false if the snapshot is malformed.
    mutating func restore(_ snapshot: [UInt8]) -> Bool
}

/// Bytes for a client whose calls were answered in place of the agent.
public struct SuspendedAnswers: Sendable {
    /// The answers' bytes.
    public var bytes: [UInt8] = []
    /// The number of answers.
    public var count = 0

    /// No answers.
    public init() {}
}

/// The limits of a ``SuspensionResponder``.
public enum SuspensionLimits {
    /// The most bytes that it holds back.
    public static let heldBytes = 512
}
