/// Processes all bytes of one direction of a relay, and may change them.
///
/// The relay itself does not examine bytes. A filter may hold bytes back until it has enough of them. The filter must
/// limit their number, because the relay counts only forwarded bytes.
public protocol StreamFilter {
    /// Processes the next bytes of the stream, split at any position.
    ///
    /// `bytes` are valid only during the call. `output` is empty at first. The filter appends the bytes to forward
    /// instead, unless the verdict is ``FilterVerdict/unchanged``. An error ends the connection.
    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws -> FilterVerdict

    /// The number of bytes that the filter holds back now. They are the last ones of the stream.
    var heldBack: Int { get }

    /// What another filter needs to continue after the bytes that are not held back, in at most 24 words.
    var checkpoint: [UInt64] { get }

    /// Continues with the ``checkpoint`` of another filter, before any bytes. An empty one is that of a new filter.
    /// Returns false if it is not possible.
    mutating func resume(_ checkpoint: [UInt64]) -> Bool

    /// Follows the other direction, for a filter that answers messages itself; nil for a filter that never does.
    var boundary: (any MessageBoundary)? { get }

    /// Returns the answers since the last call: whole messages of the other direction, at most
    /// ``AnswerLimits/waiting`` bytes.
    ///
    /// The relay puts them between two messages of that direction. It calls this function after each
    /// ``process(_:into:)``.
    mutating func takeAnswers() -> [UInt8]
}

/// A filter without a state and without answers.
extension StreamFilter {
    /// None.
    public var heldBack: Int { 0 }
    /// Empty.
    public var checkpoint: [UInt64] { [] }
    /// Continues after an empty checkpoint.
    public mutating func resume(_ checkpoint: [UInt64]) -> Bool { checkpoint.isEmpty }
    /// Nil.
    public var boundary: (any MessageBoundary)? { nil }
    /// Empty.
    public mutating func takeAnswers() -> [UInt8] { [] }
}

/// The result of a filter.
public enum FilterVerdict: Sendable {
    /// The relay forwards the same bytes without a copy. The filter holds none of them back.
    case unchanged
    /// The relay forwards the filter's output instead: more bytes, fewer bytes, or none yet.
    case replaced
}
