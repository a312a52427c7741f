internal import HTTPTransport
internal import JSON

/// The body of an answer.
enum ARMBody {
    /// Why it is no answer of ARM's.
    struct Unreadable: Error, Equatable, Sendable, CustomStringConvertible {
        let description: String
    }

    /// Nil when there is none.
    static func read(_ response: HTTPResponse, limit: Int, depth: Int = 64) throws(Unreadable) -> JSONValue? {
        var body = response.body
        // A byte order mark, with which some of .NET's writers begin.
        if body.starts(with: [0xef, 0xbb, 0xbf]) { body.removeFirst(3) }
        if body.allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) { return nil }
        let type = response.headers["Content-Type"] ?? ""
        guard type.isEmpty || isJSON(type) else {
            throw Unreadable(
                description:
                    "the body is of type \(LogText.sanitized(type, limit: 64)), not JSON; is there a proxy or a portal "
                    + "between us and Azure?")
        }
        do throws(JSONError) {
            return try JSONValue(
                parsing: body, limits: JSONLimits(size: limit, depth: depth, allowsDuplicateKeys: true))
        } catch {
            throw Unreadable(description: "its body of \(body.count) bytes is no JSON: \(error)")
        }
    }

    /// `application/json; charset=utf-8`, `text/json`, `application/problem+json`.
    private static func isJSON(_ type: String) -> Bool {
        let bare = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return bare.hasSuffix("/json") || bare.hasSuffix("+json")
    }
}
