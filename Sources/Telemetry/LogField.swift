/// A named value beside a log line's message.
///
/// Common keys, so that one search finds all of a pod's lines: `sandbox`, `pod`,
/// `namespace`, `vm`, `error`.
public struct LogField: Sendable, Equatable {
    /// What the line is about, as JSON can say it.
    public enum Value: Sendable, Equatable {
        /// Text; shown escaped, and cut when it is long.
        case text(String)
        /// A whole number.
        case integer(Int64)
        /// A yes or no.
        case bool(Bool)
    }

    /// The name; `time`, `level` and `message` are the line's own and get a `_` appended.
    public let key: String
    /// The value.
    public let value: Value

    /// A field whose text is the value's description.
    public init(_ key: String, _ value: some CustomStringConvertible) {
        self.key = key
        self.value = .text(value.description)
    }

    /// A field that is a number in JSON, too.
    public init(_ key: String, _ value: some FixedWidthInteger) {
        self.key = key
        self.value = Int64(exactly: value).map(Value.integer) ?? .text("\(value)")
    }

    /// A field that is a Boolean in JSON, too.
    public init(_ key: String, _ value: Bool) {
        self.key = key
        self.value = .bool(value)
    }

    /// A field that says what an error says.
    public init(_ key: String, _ error: any Error) {
        self.key = key
        value = .text("\(error)")
    }

    /// The field without what `redactor` hides.
    func redacted(by redactor: Redactor) -> LogField {
        guard case .text(let text) = value else { return self }
        return LogField(key, redactor.redacted(text))
    }
}
