/// A JSON document, or a part of one, as a value.
///
/// Written as literals where it is built (`["mtu": 1500, "routes": []]`); read through ``JSONObject`` and ``JSONNode``,
/// whose errors name what is wrong and where.
public indirect enum JSONValue: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits with a sign.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    /// Text, its escapes resolved.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Keys and values, in the order in which they were written.
    case object(JSONObject)
}

extension JSONValue {
    /// The value of `key`; nil if there is none or if this is not an object.
    public subscript(key: String) -> JSONValue? { objectValue?[key] }

    /// The object, if this is one.
    public var objectValue: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// The elements, if this is an array.
    public var arrayValue: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

    /// The text, if this is a string.
    public var stringValue: String? { if case .string(let text) = self { text } else { nil } }

    /// The number, if this is one without a fraction.
    public var integerValue: Int64? { if case .integer(let number) = self { number } else { nil } }

    /// The number, if this is one of either kind.
    public var numberValue: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// The truth value, if this is one.
    public var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }

    /// What kind of value this is, for the second half of "expected a number, found …". Never the value itself.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object, in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}
