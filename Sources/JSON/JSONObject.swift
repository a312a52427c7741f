/// The keys and values of a JSON object, in their original order.
///
/// Two objects are equal if they have the same keys with equal values. The order matters only to people who read the
/// text.
public struct JSONObject: Sendable {
    /// Every key and value, in order.
    public private(set) var entries: [(key: String, value: JSONValue)]
    /// The position of each key in `entries`. nil while there are so few entries that a linear search is faster.
    private var positions: [String: Int]?

    private static let fewest = 12

    /// An empty object.
    public init() { entries = [] }

    /// Makes an object of these keys and values. If a key occurs twice, the last value counts.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init()
        for (key, value) in pairs { self[key] = value }
    }

    /// The number of keys.
    public var count: Int { entries.count }
    /// Whether the object has no keys.
    public var isEmpty: Bool { entries.isEmpty }
    /// The keys in order.
    public var keys: [String] { entries.map(\.key) }

    /// The value of `key`. A new key is added at the end, an existing key keeps its position, and nil removes the key.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { entries[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): entries[position].value = value
            case (let position?, nil):
                entries.remove(at: position)
                positions = nil
                indexIfMany()
            case (nil, let value?):
                entries.append((key, value))
                if positions == nil { indexIfMany() } else { positions?[key] = entries.count - 1 }
            case (nil, nil): break
            }
        }
    }

    private func position(of key: String) -> Int? {
        if let positions { positions[key] } else { entries.firstIndex { $0.key == key } }
    }

    private mutating func indexIfMany() {
        guard entries.count > Self.fewest else { return }
        positions = Dictionary(entries.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { _, last in last })
    }
}

extension JSONObject: Equatable {
    /// Whether both have the same members, in any order.
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        one.count == other.count && one.entries.allSatisfy { other[$0.key] == $0.value }
    }
}
