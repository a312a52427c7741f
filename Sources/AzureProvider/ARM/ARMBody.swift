internal import HTTPTransport
internal import JSON

/// The body of an answer.
enum ARMBody {
    /// Why the body is not a valid answer of ARM.
    struct Unreadable: Error, Equatable, Sendable, CustomStringConvertible {
        let description: String
    }

    /// Reads the body. Nil when there is none.
    static func read(_ response: HTTPResponse, limit: Int, depth: Int = 64) throws(Unreadable) -> JSONValue? {
        var body = response.body
        // Some of .NET's writers begin with a byte order mark.
        if body.starts(with: [0xef, 0xbb, 0xbf]) { body.removeFirst(3) }
        if body.allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) { return nil }
        let type = response.headers["Content-Type"] ?? ""
        guard type.isEmpty || isJSON(type) else {
            throw Unreadable(
                description:
                    "the body is of type \(LogText.sanitized(type, limit: 64)), not JSON; check whether a proxy or a "
                    + "portal is between this node and Azure")
        }
        do throws(JSONError) {
            return try JSONValue(
                parsing: body, limits: JSONLimits(size: limit, depth: depth, allowsDuplicateKeys: true))
        } catch {
            throw Unreadable(description: "its body of \(body.count) bytes is not valid JSON: \(error)")
        }
    }

    /// `application/json; charset=utf-8`, `text/json`, `application/problem+json`.
    private static func isJSON(_ type: String) -> Bool {
        let bare = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return bare.hasSuffix("/json") || bare.hasSuffix("+json")
    }
}

extension JSONValue {
    /// The member of an object, ignoring the case of its key as most of ARM's providers do. Nil for `null`.
    func member(_ key: String) -> JSONValue? {
        guard let object = objectValue else { return nil }
        if let value = object[key] { return value == .null ? nil : value }
        let folded = key.lowercased()
        return object.entries.first { $0.key.lowercased() == folded && $0.value != .null }?.value
    }

    /// A whole number, also in the form of a string, which the metadata service sends.
    var lenientInteger: Int64? {
        switch self {
        case .integer(let number): number
        case .number(let number): Int64(exactly: number.rounded(.towardZero))
        case .string(let text): Int64(text)
        default: nil
        }
    }
}
