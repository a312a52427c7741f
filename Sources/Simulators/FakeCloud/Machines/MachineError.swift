/// Why a fake machine cannot be created or removed.
public struct MachineError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operation that failed, with the machine's name.
    public let operation: String
    /// The reason, and what to do if that is known.
    public let reason: String

    init(_ operation: String, _ reason: String) {
        self.operation = operation
        self.reason = reason
    }

    /// The operation and the reason as a sentence.
    public var description: String { "cannot \(operation): \(reason)" }
}
