/// The keys and values of a JSON object, in the order in which they came.
///
/// Two objects are equal if they have the same keys with equal values; the order is only for readers of what is written.
public struct JSONObject: Sendable {
    /// Every key and value, in order.
    public private(set) var entries: [(key: String, value: JSONValue)]
    /// Where each key is in `entries`; nil while they are so few that looking at each is quicker.
    private var positions: [String: Int]?

    private static let fewest = 12

    /// An empty object.
    public init() { entries = [] }

    /// An object of these keys and values; of a key that comes twice, the last value.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init()
        for (key, value) in pairs { self[key] = value }
    }

    /// How many keys there are.
    public var count: Int { entries.count }
    /// Whether there are none.
    public var isEmpty: Bool { entries.isEmpty }
    /// The keys in order.
    public var keys: [String] { entries.map(\.key) }

    /// The value of `key`. A new key goes to the end, a known one stays where it is, nil removes it.
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
    /// Whether both have the same members; their order does not matter.
    public static func == (one: JSONObject, other: JSONObject) -> Bool {
        one.count == other.count && one.entries.allSatisfy { other[$0.key] == $0.value }
    }
}
