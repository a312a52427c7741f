/// Sees every byte of one direction of a relay, and may change them.
///
/// The relay itself never looks at bytes. A filter may hold some back until it has seen
/// enough, but no more than it bounds itself: the relay counts only what it forwards.
public protocol StreamFilter {
    /// Takes in the next bytes of the stream, cut anywhere.
    ///
    /// `bytes` are valid only during the call. `output` comes empty and takes what to forward
    /// instead, unless the verdict is ``FilterVerdict/unchanged``. Throwing ends the connection.
    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws -> FilterVerdict
}

/// What happens to the bytes that a filter has seen.
public enum FilterVerdict: Sendable {
    /// They are forwarded as they are, without a copy. The filter holds none of them back.
    case unchanged
    /// What the filter put out is forwarded instead: more, fewer, or nothing yet.
    case replaced
}
