/// A value that must not be seen by accident.
///
/// However it is printed, interpolated, dumped or logged, it says `‹secret›`; only
/// ``reveal()`` gives it out, and that name is what a reviewer searches for.
public struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    /// Hides `value`.
    public init(_ value: Value) { self.value = value }

    /// The value itself, for the one place that needs it.
    public func reveal() -> Value { value }

    /// A placeholder in place of the value.
    public var description: String { "‹secret›" }
    /// The same placeholder.
    public var debugDescription: String { description }
    /// A mirror without children, so that `dump` does not print the value.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Secret: Equatable where Value: Equatable {}
