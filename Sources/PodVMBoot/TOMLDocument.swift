internal import TextFormats

/// A document of the part of TOML 1.0 that initdata uses: strings at the top level and in tables of one level.
///
/// Known are comments, bare and quoted keys, `[table]`, and the four forms of strings. All other forms are errors, and so
/// are carriage returns, which readers of TOML treat differently in strings of several lines.
struct TOMLDocument: Equatable, Sendable {
    /// A table with its entries, in order.
    struct Table: Equatable, Sendable {
        let name: String
        var entries: [Entry] = []
    }

    /// A key with its value.
    struct Entry: Equatable, Sendable {
        let key: String
        let value: String
    }

    /// The values of the top level.
    private(set) var values: [String: String] = [:]
    /// The tables, in order.
    private(set) var tables: [Table] = []

    /// The most keys of a document.
    static let keyLimit = 256

    /// Reads a text.
    ///
    /// - Throws: `TextFormatError` with the first fault.
    init(_ text: [UInt8]) throws(TextFormatError) {
        var reader = TOMLReader(text)
        var count = 0
        while try reader.skipToContent() {
            count += 1
            guard count <= Self.keyLimit else { throw reader.failure("there are more than \(Self.keyLimit) keys") }
            if reader.take("[") {
                let name = try Self.key(&reader)
                guard reader.take("]") else {
                    throw reader.failure("a table's name must be one key between [ and ]")
                }
                guard !tables.contains(where: { $0.name == name }), values[name] == nil else {
                    throw reader.failure("a name is defined twice")
                }
                tables.append(Table(name: name))
            } else {
                let key = try Self.key(&reader)
                guard reader.take("=") else {
                    throw reader.failure("a key has no value: key = \"value\" is expected")
                }
                guard let value = try reader.string() else { throw reader.failure("a value is not a string") }
                try add(Entry(key: key, value: value), reader)
            }
            try reader.endLine()
        }
    }

    private static func key(_ reader: inout TOMLReader) throws(TextFormatError) -> String {
        let key = try reader.key()
        guard !reader.take(".") else { throw reader.failure("dotted keys are not allowed: quote the key") }
        return key
    }

    private mutating func add(_ entry: Entry, _ reader: TOMLReader) throws(TextFormatError) {
        let last = tables.indices.last
        let isKnown =
            if let last { tables[last].entries.contains { $0.key == entry.key } } else { values[entry.key] != nil }
        guard !isKnown else { throw reader.failure("a key is defined twice") }
        if let last { tables[last].entries.append(entry) } else { values[entry.key] = entry.value }
    }
}
