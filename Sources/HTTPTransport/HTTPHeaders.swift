/// Names and values in order. Names are case-insensitive.
public struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// All fields as they were sent; a name may occur more than once.
    public private(set) var fields: [(name: String, value: String)] = []

    /// Makes headers with these fields.
    public init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

    /// Makes headers with these fields in this order; names may repeat.
    public init(dictionaryLiteral elements: (String, String)...) { fields = elements }

    /// The first value of `name`, in upper or lower case. Setting it replaces all values of `name`.
    public subscript(name: String) -> String? {
        get { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
        set {
            fields.removeAll { $0.name.lowercased() == name.lowercased() }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    /// Adds a field, and keeps the fields with the same name.
    public mutating func add(_ name: String, _ value: String) { fields.append((name, value)) }

    /// Whether both have the same fields in the same order.
    public static func == (left: HTTPHeaders, right: HTTPHeaders) -> Bool {
        left.fields.elementsEqual(right.fields, by: ==)
    }
}
