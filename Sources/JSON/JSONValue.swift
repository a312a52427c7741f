/// A JSON document, or a part of one, as a value.
///
/// Code builds a value from literals (`["mtu": 1500, "routes": []]`) and reads it through ``JSONObject`` and
/// ``JSONNode``. Their errors name the problem and the place.
public indirect enum JSONValue: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits into a signed 64-bit integer.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    /// Text, with its escapes decoded.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Keys and values, in their original order.
    case object(JSONObject)
}

extension JSONValue {
    /// The value of `key`. nil if the key is missing or this is not an object.
    public subscript(key: String) -> JSONValue? { objectValue?[key] }

    /// The object, if this is an object.
    public var objectValue: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// The elements, if this is an array.
    public var arrayValue: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

    /// The text, if this is a string.
    public var stringValue: String? { if case .string(let text) = self { text } else { nil } }

    /// The number, if this is a number without a fraction.
    public var integerValue: Int64? { if case .integer(let number) = self { number } else { nil } }

    /// The number, if this is a number of either kind.
    public var numberValue: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// The truth value, if this is a truth value.
    public var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }

    /// The kind of this value, for the second half of "expected a number, found …". It is never the value itself.
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
    /// An object, in the order of the literal.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}
