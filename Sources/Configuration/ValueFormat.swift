public import Telemetry

/// The format of a value in flags and environment variables.
public struct ValueFormat<Value: Sendable>: Sendable {
    /// The name of the value in the help, such as `PATH`.
    var placeholder: String
    /// The accepted values, if the placeholder cannot describe them.
    var legend = ""
    /// The accepted words, if there are only a few.
    var choices: [String] = []
    var isSwitch = false
    var isSecret = false
    let parse: @Sendable (String) throws(ValueError) -> Value
    /// Parses a variable's text, if a variable accepts fewer values than a flag.
    var parseVariable: (@Sendable (String) throws(ValueError) -> Value)?
    let show: @Sendable (Value) -> String
    /// Adds a second value to the first, for values with several parts.
    var append: (@Sendable (inout Value, Value) -> Void)?

    /// Makes a custom format. `parse` throws the description of the accepted values.
    public init(
        placeholder: String, parse: @escaping @Sendable (String) throws(ValueError) -> Value,
        show: @escaping @Sendable (Value) -> String
    ) {
        self.placeholder = placeholder
        self.parse = parse
        self.show = show
    }
}

/// The reason why a value was not accepted.
public struct ValueError: Error, Equatable {
    /// The accepted values, as the continuation of "it takes": `an integer from 1 to 10`.
    public let expected: String

    /// Makes an error with the description of the accepted values.
    public init(expected: String) { self.expected = expected }
}

extension ValueFormat where Value == String {
    /// Any text.
    public static var string: Self { string("TEXT") }

    /// Any text. The help calls it `placeholder`.
    public static func string(_ placeholder: String) -> Self {
        Self(placeholder: placeholder, parse: { text throws(ValueError) in text }, show: { $0 })
    }

    /// The path of a file, directory or socket.
    public static var path: Self { string("PATH") }
}

extension ValueFormat where Value == Secret<String> {
    /// Text that is never shown.
    public static var secret: Self { secret("SECRET") }

    /// Text that is never shown. The help calls it `placeholder`.
    public static func secret(_ placeholder: String) -> Self {
        var format = Self(
            placeholder: placeholder, parse: { text throws(ValueError) in Secret(text) },
            show: { $0.reveal().isEmpty ? "" : "\($0)" })
        format.isSecret = true
        return format
    }
}

extension ValueFormat where Value == Bool {
    /// A switch: the flag without a value, or one of Go's words for true and false in upper or lower case. A variable
    /// accepts only true, false, 1 and 0. The Go adaptor reads every other text of a variable as false, so no other
    /// text may mean true here.
    public static var bool: Self {
        var format = Self(
            placeholder: "",
            parse: { text throws(ValueError) in
                switch text.trimmed.lowercased() {
                case "1", "t", "true": return true
                case "0", "f", "false": return false
                default: throw ValueError(expected: "true or false (or 1, t, 0, f)")
                }
            }, show: { $0 ? "true" : "false" })
        format.parseVariable = { text throws(ValueError) in
            switch text.lowercased() {
            case "1", "true": return true
            case "0", "false": return false
            default: throw ValueError(expected: "true or false (or 1, 0)")
            }
        }
        format.isSwitch = true
        return format
    }
}

extension ValueFormat where Value == Int {
    /// A whole number within `range`. The prefixes `0x`, `0o` and `0b` select another base.
    public static func integer(in range: ClosedRange<Int> = .min ... .max) -> Self {
        Self(
            placeholder: "N",
            parse: { text throws(ValueError) in
                guard let number = wholeNumber(text.trimmed), range.contains(number) else {
                    throw ValueError(expected: expectation(range))
                }
                return number
            }, show: { String($0) })
    }

    private static func expectation(_ range: ClosedRange<Int>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): "a whole number"
        case (let lower, .max): "a whole number of at least \(lower)"
        case (.min, let upper): "a whole number of at most \(upper)"
        case (let lower, let upper): "a whole number from \(lower) to \(upper)"
        }
    }

    private static func wholeNumber(_ text: String) -> Int? {
        let (sign, digits) = text.hasPrefix("-") ? ("-", String(text.dropFirst())) : ("", text)
        let base = ["0x": 16, "0o": 8, "0b": 2][digits.prefix(2).lowercased()]
        guard let base else { return Int(text) }
        let number = digits.dropFirst(2)
        // A second sign is not a digit, but Int would accept it.
        guard let first = number.first, first != "-", first != "+" else { return nil }
        return Int(sign + number, radix: base)
    }
}

extension ValueFormat where Value == Duration {
    /// A duration in the syntax of Go, `5m` or `1h30m`, within `range`.
    public static func duration(in range: ClosedRange<Duration>) -> Self {
        Self(
            placeholder: "DURATION",
            parse: { text throws(ValueError) in
                let duration = try GoDuration.parse(text.trimmed)
                guard range.contains(duration) else {
                    let bounds = "\(GoDuration.text(range.lowerBound)) to \(GoDuration.text(range.upperBound))"
                    throw ValueError(expected: "a duration from \(bounds)")
                }
                return duration
            }, show: GoDuration.text)
    }
}

extension ValueFormat where Value == [String] {
    /// Texts, separated by commas. Spaces around a text and empty texts are ignored.
    public static var list: Self { list("A,B,...") }

    /// Texts, separated by commas. The help calls them `placeholder`.
    public static func list(_ placeholder: String) -> Self {
        var format = Self(
            placeholder: placeholder,
            parse: { text throws(ValueError) in text.commaSeparated }, show: { $0.joined(separator: ",") })
        format.append = { $0 += $1 }
        return format
    }
}

extension ValueFormat where Value == [String: String] {
    /// `key=value` pairs, separated by commas.
    public static var map: Self {
        var format = Self(
            placeholder: "K=V,...",
            parse: { text throws(ValueError) in
                var pairs: [String: String] = [:]
                for pair in text.commaSeparated {
                    let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    guard parts.count == 2, case let key = String(parts[0]).trimmed, !key.isEmpty else {
                        throw ValueError(expected: "pairs such as owner=me,tier=test")
                    }
                    pairs[key] = String(parts[1]).trimmed
                }
                return pairs
            }, show: { $0.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",") })
        format.append = { $0.merge($1) { _, later in later } }
        return format
    }
}

extension ValueFormat where Value == [String: String] {
    /// One `key=value` pair, used unchanged. For more pairs the flag is repeated.
    ///
    /// Use this for values that may contain commas or significant spaces.
    public static var entry: Self {
        var format = Self(
            placeholder: "K=V",
            parse: { text throws(ValueError) in
                guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                    throw ValueError(expected: "a pair such as owner=me")
                }
                return [String(text[..<equals]): String(text[text.index(after: equals)...])]
            }, show: { $0.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ") })
        format.append = { $0.merge($1) { _, later in later } }
        return format
    }
}

extension ValueFormat {
    /// One of several words, in upper or lower case.
    public static func choice(_ choices: [(word: String, value: Value)]) -> Self where Value: Equatable {
        let words = choices.map(\.word)
        let all = words.joined(separator: "|")
        var format = Self(
            placeholder: all.count <= 30 ? all : "WORD",
            parse: { text throws(ValueError) in
                let word = text.trimmed.lowercased()
                guard let choice = choices.first(where: { $0.word.lowercased() == word }) else {
                    throw ValueError(
                        expected: words.count == 1 ? "only \(words[0])" : "one of " + words.joined(separator: ", "))
                }
                return choice.value
            }, show: { value in choices.first { $0.value == value }?.word ?? "\(value)" })
        format.choices = words
        if format.placeholder != all { format.legend = words.joined(separator: ", ") }
        return format
    }
}

extension String {
    /// The text without white space at its ends.
    package var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }

    fileprivate var commaSeparated: [String] {
        split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
    }
}
