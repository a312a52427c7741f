/// What a caller says beside the request itself: keys with values, in the order
/// they were sent. A key may occur more than once.
public struct Metadata: Equatable, Sendable {
    /// One key with one value.
    public struct Entry: Hashable, Sendable {
        /// What the value is of.
        public var key: String
        /// The value, as text.
        public var value: String

        /// Makes an entry; neither part is restricted on the wire.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// All entries, in wire order.
    public var entries: [Entry]

    /// Makes metadata of these entries.
    public init(_ entries: [Entry] = []) { self.entries = entries }

    /// The first value of `key`, compared as it is written.
    public subscript(key: String) -> String? { entries.first { $0.key == key }?.value }

    /// Every value of `key`, in wire order.
    public func values(for key: String) -> [String] { entries.filter { $0.key == key }.map(\.value) }

    /// Adds one more value for `key`.
    public mutating func add(_ key: String, _ value: String) { entries.append(Entry(key, value)) }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    /// Entries in the order they are written.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { Entry($0.0, $0.1) })
    }
}
