internal import JSON

extension JSONValue {
    /// The member of an object whatever its key's case, as most of ARM's providers mean their keys; never `null`.
    func member(_ key: String) -> JSONValue? {
        guard let object = objectValue else { return nil }
        if let value = object[key] { return value == .null ? nil : value }
        let folded = key.lowercased()
        return object.entries.first { $0.key.lowercased() == folded && $0.value != .null }?.value
    }

    /// A whole number, also one that was written as a string, as the metadata service does.
    var lenientInteger: Int64? {
        switch self {
        case .integer(let number): number
        case .number(let number): Int64(exactly: number.rounded(.towardZero))
        case .string(let text): Int64(text)
        default: nil
        }
    }
}
