internal import JSON

/// A JSON object in which unknown keys are errors: a misspelt key would be a fault that never happens.
struct StrictJSONObject {
    let node: JSONNode

    init(_ node: JSONNode, _ known: [String]) throws(JSONError) {
        for key in node.members.keys where !known.contains(key) {
            throw JSONError(
                path: node.path(of: key), "is not known; known are \(known.sorted().joined(separator: ", "))")
        }
        self.node = node
    }

    func object(_ key: String, _ known: [String]) throws(JSONError) -> StrictJSONObject? {
        guard let child = try node.optionalObject(key) else { return nil }
        return try StrictJSONObject(child, known)
    }

    func objects(_ key: String, _ known: [String]) throws(JSONError) -> [StrictJSONObject] {
        var children: [StrictJSONObject] = []
        for child in try node.optionalObjects(key) ?? [] { children.append(try StrictJSONObject(child, known)) }
        return children
    }

    func text(_ key: String) throws(JSONError) -> String? { try node.optionalString(key) }

    /// A whole number in a range.
    func count(_ key: String, in range: ClosedRange<Int64> = 0...1_000_000_000) throws(JSONError) -> Int? {
        guard let number = try node.optionalInteger(key) else { return nil }
        guard range.contains(number) else {
            throw JSONError(
                path: node.path(of: key), "must be from \(range.lowerBound) to \(range.upperBound), and is \(number)")
        }
        return Int(number)
    }

    /// Seconds, with fractions.
    func seconds(_ key: String) throws(JSONError) -> Duration? {
        guard let number = try node.optionalNumber(key) else { return nil }
        guard 0...1e7 ~= number else {
            throw JSONError(path: node.path(of: key), "must be seconds from 0 to 10000000, and is \(number)")
        }
        return .milliseconds(Int64(number * 1000))
    }

    /// One of the words of an enumeration.
    func word<Word: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Word.Type
    ) throws(JSONError) -> Word? where Word.RawValue == String {
        guard let text = try node.optionalString(key) else { return nil }
        guard let word = Word(rawValue: text) else {
            let known = type.allCases.map(\.rawValue).joined(separator: ", ")
            throw JSONError(path: node.path(of: key), "must be one of \(known)")
        }
        return word
    }

    func refuse(_ key: String, _ message: String) -> JSONError { JSONError(path: node.path(of: key), message) }
}
