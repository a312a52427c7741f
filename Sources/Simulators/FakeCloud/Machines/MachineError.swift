/// Why a fake machine cannot be made or removed.
public struct MachineError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done, and to which machine.
    public let operation: String
    /// Why it failed, and what to do about it where that is known.
    public let reason: String

    init(_ operation: String, _ reason: String) {
        self.operation = operation
        self.reason = reason
    }

    public var description: String { "cannot \(operation): \(reason)" }
}
