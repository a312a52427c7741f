/// A value that must not be shown by accident.
///
/// Printing, interpolating, dumping and logging it give `‹secret›`. Only ``reveal()`` returns the value, so a reviewer
/// can search for that name.
public struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    /// Hides `value`.
    public init(_ value: Value) { self.value = value }

    /// The value itself. Call this only where the value is needed.
    public func reveal() -> Value { value }

    /// A placeholder in place of the value.
    public var description: String { "‹secret›" }
    /// The same placeholder.
    public var debugDescription: String { description }
    /// A mirror without children, so that `dump` does not print the value.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Secret: Equatable where Value: Equatable {}
