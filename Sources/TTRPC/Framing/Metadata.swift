/// The caller's additional information for a request: keys with values, in the order in which they were sent. A key may
/// occur more than once.
public struct Metadata: Equatable, Sendable {
    /// One key with one value.
    public struct Entry: Hashable, Sendable {
        /// The key of the value.
        public var key: String
        /// The value, as text.
        public var value: String

        /// Makes an entry. The wire format restricts neither part.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// All entries, in wire order.
    public var entries: [Entry]

    /// Makes metadata from these entries.
    public init(_ entries: [Entry] = []) { self.entries = entries }

    /// The first value of `key`. The comparison is case-sensitive.
    public subscript(key: String) -> String? { entries.first { $0.key == key }?.value }

    /// Every value of `key`, in wire order.
    public func values(for key: String) -> [String] { entries.filter { $0.key == key }.map(\.value) }

    /// Adds one more value for `key`.
    public mutating func add(_ key: String, _ value: String) { entries.append(Entry(key, value)) }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    /// Makes metadata with the entries in the order of the literal.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { Entry($0.0, $0.1) })
    }
}
