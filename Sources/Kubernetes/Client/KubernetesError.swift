internal import HTTPTransport
internal import JSON

/// Why a request to the API server failed. Code decides by ``kind``, never by the message.
package struct KubernetesError: Error, Equatable, Sendable {
    /// The kinds of failures.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// There is no token.
        case credential = "no token"
        /// The server does not accept the token (401).
        case unauthorized = "unauthorized"
        /// The right is missing, or an admission policy refuses the request (403).
        case forbidden = "forbidden"
        /// The object, its namespace or its kind does not exist (404).
        case notFound = "not found"
        /// Another client changed the object, or a condition of the patch does not hold (409).
        case conflict = "conflict"
        /// An object of that name exists (409, reason AlreadyExists).
        case alreadyExists = "already exists"
        /// The resource version or the continue token is too old (410).
        case expired = "expired"
        /// The server checked the content and refuses it (400, 413, 415, 422 and other 4xx).
        case invalid = "invalid"
        /// Too many requests (429).
        case throttled = "throttled"
        /// The server failed (5xx).
        case server = "server failure"
        /// No server answered.
        case unreachable = "unreachable"
        /// The answer is too large, or is not what the API defines.
        case malformed = "malformed answer"
        /// The caller's task was cancelled.
        case cancelled = "cancelled"
    }

    /// The kind of the failure.
    package let kind: Kind
    /// What was tried, such as `GET node node-1`.
    package let operation: String
    /// The HTTP status, if there was an answer.
    package var status: Int?
    /// The server's reason, such as `NamespaceTerminating` or `AlreadyExists`.
    package var reason = ""
    /// The reasons of a Status object's causes.
    package var causes: [String] = []
    /// The server's message, or why there is no answer.
    package var message: String
    /// How long the server wants the client to wait.
    package var retryAfter: Duration?
    /// The id under which the server's audit log has the request.
    package var auditID: String?

    /// Describes a failure.
    package init(_ kind: Kind, _ operation: String, _ message: String = "") {
        self.kind = kind
        self.operation = operation
        self.message = message
    }

    /// The longest message that is kept, in bytes.
    private static let messageLimit = 1024

    /// Reads an answer with a status of 400 or more. Its body may be a Status object, or any text of a proxy.
    init(_ operation: String, status: Int, body: [UInt8], headers: HTTPHeaders = [:]) {
        let object = (try? JSONValue(parsing: body))?.objectValue
        let isStatus = object?["kind"]?.stringValue == "Status"
        let reason = isStatus ? object?["reason"]?.stringValue ?? "" : ""
        let said = isStatus ? object?["message"]?.stringValue ?? "" : String(decoding: body.prefix(120), as: UTF8.self)
        self.init(Self.kind(status, reason), operation, Self.printable(said))
        self.status = status
        self.reason = Self.printable(reason)
        let details = isStatus ? object?["details"] : nil
        causes = (details?["causes"]?.arrayValue ?? []).prefix(16).compactMap {
            $0["reason"]?.stringValue.map(Self.printable)
        }
        if let seconds = details?["retryAfterSeconds"]?.integerValue, (1...86_400).contains(seconds) {
            retryAfter = .seconds(seconds)
        }
        auditID = headers["Audit-Id"].map(Self.printable)
    }

    private static func kind(_ status: Int, _ reason: String) -> Kind {
        switch status {
        case 401: .unauthorized
        case 403: .forbidden
        case 404: .notFound
        case 409: reason == "AlreadyExists" ? .alreadyExists : .conflict
        case 410: .expired
        case 429: .throttled
        case 500...: .server
        default: .invalid
        }
    }

    private static func printable(_ text: String) -> String {
        let cut = text.utf8.count > messageLimit ? String(text.prefix(messageLimit)) + "…" : text
        return String(cut.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }
}

extension KubernetesError: CustomStringConvertible {
    /// Operation, kind, status, reason and message in one line.
    package var description: String {
        let numbers = [status.map { "HTTP \($0)" }, reason.isEmpty ? nil : reason].compactMap(\.self)
        let details = numbers.isEmpty ? "" : " (\(numbers.joined(separator: ", ")))"
        let audit = auditID.map { " [audit id \($0)]" } ?? ""
        return "\(operation): \(kind.rawValue)\(details)" + (message.isEmpty ? "" : ": \(message)") + audit
    }
}
