internal import HTTPTransport

/// Checks `If-Match` and `If-None-Match` against the ETag of a resource.
enum Preconditions {
    /// Refuses a request whose condition is not met; `etag` is without quotes, or nil if there is no resource.
    static func check(_ request: HTTPRequest, etag: String?) throws(FakeARMFault) {
        if let wanted = request.headers["If-None-Match"] {
            guard wanted == "*" else {
                throw FakeARMFault(400, "BadRequest", "The If-None-Match header may only be '*'.")
            }
            if let etag {
                throw failed("Resource already exists with etag \"\(etag)\", and the if-none-match header is \"*\".")
            }
        }
        guard let wanted = request.headers["If-Match"] else { return }
        let bare = wanted.filter { $0 != "\"" }
        guard let etag else {
            throw failed("The resource does not exist, and the if-match header is \"\(bare)\".")
        }
        guard bare == "*" || bare == etag else {
            throw failed(
                "Etag provided in if-match header \"\(bare)\" does not match etag \"\(etag)\" of resource.")
        }
    }

    private static func failed(_ message: String) -> FakeARMFault { FakeARMFault(412, "PreconditionFailed", message) }
}
