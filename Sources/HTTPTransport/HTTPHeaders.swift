/// Names and values in order, where names differ by more than case.
public struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// Every field as it was sent; a name may occur more than once.
    public private(set) var fields: [(name: String, value: String)] = []

    /// No fields, or these.
    public init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

    /// These fields, in their order; names may repeat.
    public init(dictionaryLiteral elements: (String, String)...) { fields = elements }

    /// The first value of `name`, in any case; setting replaces all of them.
    public subscript(name: String) -> String? {
        get { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
        set {
            fields.removeAll { $0.name.lowercased() == name.lowercased() }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    /// Adds a field beside those of the same name.
    public mutating func add(_ name: String, _ value: String) { fields.append((name, value)) }

    /// Whether both have the same fields in the same order.
    public static func == (left: HTTPHeaders, right: HTTPHeaders) -> Bool {
        left.fields.elementsEqual(right.fields, by: ==)
    }
}
