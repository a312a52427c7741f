package import JSON

extension JSONValue {
    /// A TOML document, as an object. Dates are text, as they stand in the document; so are `inf` and `nan`.
    package init(toml text: [UInt8], limits: TextLimits = TextLimits()) throws(TextFormatError) {
        try limits.check(text)
        // TOML allows both ends of a line; in strings of several lines a reader may choose.
        var unix: [UInt8] = []
        unix.reserveCapacity(text.count)
        for (index, byte) in text.enumerated() {
            let isLineEnd = byte == 0x0D && index + 1 < text.count && text[index + 1] == 0x0A
            if !isLineEnd { unix.append(byte) }
        }
        var parser = TOMLParser(unix, limits)
        self = .object(try parser.document())
    }
}

/// A table while its document is read.
private final class TOMLTable {
    enum Item {
        case value(JSONValue)
        case table(TOMLTable)
        /// `[[name]]`
        case tables(TOMLTableList)
    }

    var keys: [String] = []
    var items: [String: Item] = [:]
    /// Whether a header `[name]` or a dotted key has defined it: then a second header is an error.
    var isDefined = false

    func set(_ key: String, _ item: Item) {
        if items.updateValue(item, forKey: key) == nil { keys.append(key) }
    }

    var object: JSONObject {
        JSONObject(
            keys.compactMap { key in
                switch items[key] {
                case .value(let value): (key, value)
                case .table(let table): (key, .object(table.object))
                case .tables(let tables): (key, .array(tables.elements.map { .object($0.object) }))
                case nil: nil
                }
            })
    }
}

/// The tables of one name, which share it.
private final class TOMLTableList {
    var elements: [TOMLTable]

    init(_ first: TOMLTable) { elements = [first] }
}

/// Parses a document line by line; values recursively.
private struct TOMLParser {
    private var reader: TOMLReader
    private let limits: TextLimits
    private var count = 0

    init(_ text: [UInt8], _ limits: TextLimits) {
        reader = TOMLReader(text)
        self.limits = limits
    }

    mutating func document() throws(TextFormatError) -> JSONObject {
        let root = TOMLTable()
        var (current, depth) = (root, 0)
        while try reader.skipToContent() {
            if reader.take("[[") {
                (current, depth) = try addTable(to: root)
            } else if reader.take("[") {
                (current, depth) = try openTable(in: root)
            } else {
                try addEntry(to: current, depth: depth)
            }
            try reader.endLine()
        }
        return root.object
    }

    private mutating func tally() throws(TextFormatError) {
        count += 1
        guard count <= limits.values else { throw reader.failure("there are more than \(limits.values) values") }
    }

    /// The keys of a name, in a table that is `depth` levels deep.
    private mutating func dottedKey(depth: Int = 0) throws(TextFormatError) -> [String] {
        var keys = [try reader.key()]
        while reader.take(".") { keys.append(try reader.key()) }
        guard depth + keys.count <= limits.depth else {
            throw reader.failure("nested deeper than \(limits.depth) levels")
        }
        try tally()
        return keys
    }

    /// The table below `table` that `key` leads to; a missing one is made.
    private func step(_ table: TOMLTable, _ key: String) throws(TextFormatError) -> TOMLTable {
        switch table.items[key] {
        case .table(let next): return next
        case .tables(let tables):
            guard let last = tables.elements.last else { throw reader.failure("a list of tables is empty") }
            return last
        case .value: throw reader.failure("a name is both a value and a table")
        case nil:
            let next = TOMLTable()
            table.set(key, .table(next))
            return next
        }
    }

    private mutating func openTable(in root: TOMLTable) throws(TextFormatError) -> (TOMLTable, depth: Int) {
        let keys = try dottedKey()
        guard reader.take("]") else { throw reader.failure("a table's name has no ]") }
        var table = root
        for key in keys { table = try step(table, key) }
        guard !table.isDefined else { throw reader.failure("a table is defined twice") }
        table.isDefined = true
        return (table, keys.count)
    }

    private mutating func addTable(to root: TOMLTable) throws(TextFormatError) -> (TOMLTable, depth: Int) {
        let keys = try dottedKey()
        guard reader.take("]]") else { throw reader.failure("the name of a list of tables has no ]]") }
        var table = root
        for key in keys.dropLast() { table = try step(table, key) }
        let new = TOMLTable()
        new.isDefined = true
        let key = keys[keys.count - 1]
        switch table.items[key] {
        case .tables(let tables): tables.elements.append(new)
        case nil: table.set(key, .tables(TOMLTableList(new)))
        default: throw reader.failure("a name is defined twice")
        }
        return (new, keys.count)
    }

    private mutating func addEntry(to table: TOMLTable, depth: Int) throws(TextFormatError) {
        let keys = try dottedKey(depth: depth)
        guard reader.take("=") else { throw reader.failure("a key has no value") }
        var table = table
        for key in keys.dropLast() {
            table = try step(table, key)
            table.isDefined = true
        }
        guard table.items[keys[keys.count - 1]] == nil else { throw reader.failure("a key is defined twice") }
        table.set(keys[keys.count - 1], .value(try value(depth: depth + keys.count)))
    }

    private mutating func value(depth: Int) throws(TextFormatError) -> JSONValue {
        try tally()
        guard depth <= limits.depth else { throw reader.failure("nested deeper than \(limits.depth) levels") }
        if let text = try reader.string() { return .string(text) }
        if reader.take("[") { return .array(try elements(depth: depth + 1)) }
        if reader.take("{") { return .object(try inlineTable(depth: depth + 1)) }
        return try scalar(reader.word())
    }

    private mutating func elements(depth: Int) throws(TextFormatError) -> [JSONValue] {
        var elements: [JSONValue] = []
        while try reader.skipToContent() {
            if reader.take("]") { return elements }
            elements.append(try value(depth: depth))
            _ = try reader.skipToContent()
            if reader.take("]") { return elements }
            guard reader.take(",") else { throw reader.failure("a list needs a comma or ] after a value") }
        }
        throw reader.failure("a list has no end")
    }

    private mutating func inlineTable(depth: Int) throws(TextFormatError) -> JSONObject {
        let table = TOMLTable()
        // Later versions of TOML allow lines and a last comma here.
        while try reader.skipToContent() {
            if reader.take("}") { return table.object }
            try addEntry(to: table, depth: depth)
            _ = try reader.skipToContent()
            if reader.take("}") { return table.object }
            guard reader.take(",") else { throw reader.failure("an inline table needs a comma or } after a value") }
        }
        throw reader.failure("an inline table has no end")
    }

    private func scalar(_ word: String) throws(TextFormatError) -> JSONValue {
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "inf", "+inf", "-inf", "nan", "+nan", "-nan": return .string(word)
        default: break
        }
        let digits = word.filter { $0 != "_" }
        for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            if let number = Int64(digits.dropFirst(2), radix: base), number >= 0 { return .integer(number) }
        }
        if let number = Int64(digits) { return .integer(number) }
        guard let first = word.utf8.first, (0x30...0x39).contains(first) || "+-".utf8.contains(first) else {
            throw reader.failure("a value is expected")
        }
        if word.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-._eE".utf8.contains($0) }),
            let number = Double(digits), number.isFinite
        {
            return .number(number)
        }
        // A date or a time.
        let isTime = word.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-:.TtZz".utf8.contains($0) }
        guard isTime, word.contains("-") || word.contains(":") else { throw reader.failure("a value is not known") }
        return .string(word)
    }
}
