/// A request to an HTTP server.
public struct OutgoingRequest: Sendable {
    /// `GET`, `PUT` and so on.
    public var method: String
    /// The whole URL, `http` or `https`, as it goes out: already percent-encoded.
    public var url: String
    /// The header's fields; lengths, host and user agent are added in sending.
    public var headers: HTTPHeaders
    /// The body; empty sends none.
    public var body: [UInt8]
    /// How long all of it may take, from now to the answer's last byte.
    public var timeLimit = Duration.seconds(60)
    /// How many bytes the answer's body may have.
    public var responseLimit = 8 << 20
    /// Whether the environment's proxy is asked; never for what is on this very host or link, such as IMDS.
    public var usesProxy = true

    /// A request of these parts.
    public init(_ method: String, _ url: String, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Who can send a request and bring the answer: ``HTTPClient``, or a test's double.
public protocol HTTPSender: Sendable {
    /// The answer, whatever its status; redirects are answers too. Cancelling the task calls the transfer off.
    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse
}

/// Why there is no answer.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the server may have done, which is what a caller has to know.
    public enum Effect: Hashable, Sendable {
        /// Not a byte of the request has left: the server has done nothing.
        case notSent
        /// The request, or a part of it, has left: the server may have done all of it.
        case unknown
    }

    /// What went wrong.
    public enum Reason: Hashable, Sendable {
        /// The URL or a header cannot be sent.
        case malformedRequest
        case nameResolution
        /// No process listens there, or the server closed the connection before the TLS handshake ended.
        case connection
        /// TLS: the certificate, its name, or its authority.
        case security
        case proxy
        case deadline
        /// The peer hung up, or what it sent is not HTTP.
        case brokenAnswer
        /// More than ``OutgoingRequest/responseLimit``.
        case answerTooLarge
        case cancelled
        /// The client itself has stopped, or lacks resources.
        case client
    }

    /// Whether the server may have received the request.
    public let effect: Effect
    /// The kind of the failure.
    public let reason: Reason
    /// In words, with host and port; no query, no secret.
    public let description: String

    /// Says what went wrong.
    public init(_ effect: Effect, _ reason: Reason, _ description: String) {
        self.effect = effect
        self.reason = reason
        self.description = description
    }
}
