internal import Encoding
package import JSON

extension ARMClient {
    /// The `value` of all pages.
    package func list(_ request: ARMRequest) async throws(ARMError) -> [JSONNode] { try await pages(request).values }

    /// The `value` of all pages, and the number of pages.
    package func pages(_ request: ARMRequest) async throws(ARMError) -> (values: [JSONNode], pages: Int) {
        let id = UUID4.random()
        var call = ARMCall(request, at: account.endpoint, id: id, isList: true)
        var elements: [JSONNode] = []
        var seen: Set<String> = []
        while true {
            let answer = try await send(call)
            let page: ARMPage
            do throws(JSONError) {
                page = try ARMPage(answer.body, after: elements.count)
            } catch {
                throw call.error(.malformed, "the page of a list: \(error)")
            }
            elements += page.elements
            guard let link = page.next else { return (elements, seen.count + 1) }
            guard let next = ARMLink.follow(link, at: account.endpoint) else {
                throw call.error(
                    .malformed,
                    "the next page has the URL \(LogText.sanitized(link, limit: 100)), which is not "
                        + "\(account.endpoint); the token is sent to no other server")
            }
            guard seen.insert(next).inserted, seen.count < limits.pages, elements.count < limits.elements else {
                throw call.error(
                    .malformed,
                    "the list does not end: \(elements.count) elements on \(seen.count) pages, and another one after them"
                )
            }
            call = ARMCall(getting: next, named: request.name, id: id, isList: true)
        }
    }
}

/// One page of a list: `{"value": [{…}], "nextLink": "https://…"}`.
struct ARMPage {
    let elements: [JSONNode]
    /// The next page's link, unchanged; nil on the last page.
    let next: String?

    /// Positions in errors count from the list's beginning, of which `before` elements have been read.
    init(_ body: JSONValue?, after before: Int = 0) throws(JSONError) {
        guard let body else { throw JSONError(path: "", "it has no body") }
        let values = try JSONNode(body).array("value")
        var elements: [JSONNode] = []
        for (index, value) in values.enumerated() {
            elements.append(try JSONNode(value, path: "value[\(before + index)]"))
        }
        self.elements = elements
        next = try JSONNode(body).optionalString("nextLink").flatMap { $0.isEmpty ? nil : $0 }
    }
}
