/// A named value of a log line.
///
/// Common keys are `sandbox`, `pod`, `namespace`, `vm` and `error`, so that one search finds all lines of a pod.
public struct LogField: Sendable, Equatable {
    /// The value, in the types of JSON.
    public enum Value: Sendable, Equatable {
        /// Text. It is written escaped, and is cut if it is long.
        case text(String)
        /// A whole number.
        case integer(Int64)
        /// A Boolean.
        case bool(Bool)
    }

    /// The name. `time`, `level` and `message` belong to the line itself, so a `_` is appended to these names.
    public let key: String
    /// The value.
    public let value: Value

    /// A field whose text is the value's description.
    public init(_ key: String, _ value: some CustomStringConvertible) {
        self.key = key
        self.value = .text(value.description)
    }

    /// A field that is also a number in JSON.
    public init(_ key: String, _ value: some FixedWidthInteger) {
        self.key = key
        self.value = Int64(exactly: value).map(Value.integer) ?? .text("\(value)")
    }

    /// A field that is also a Boolean in JSON.
    public init(_ key: String, _ value: Bool) {
        self.key = key
        self.value = .bool(value)
    }

    /// A field with the description of an error.
    public init(_ key: String, _ error: any Error) {
        self.key = key
        value = .text("\(error)")
    }

    /// The field without the text that `redactor` hides.
    func redacted(by redactor: Redactor) -> LogField {
        guard case .text(let text) = value else { return self }
        return LogField(key, redactor.redacted(text))
    }
}
