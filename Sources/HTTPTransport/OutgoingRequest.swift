/// A request to an HTTP server.
public struct OutgoingRequest: Sendable {
    /// The method, such as `GET` or `PUT`.
    public var method: String
    /// The whole URL, `http` or `https`, already percent-encoded.
    public var url: String
    /// The header's fields. The client adds length, host and user agent.
    public var headers: HTTPHeaders
    /// The body; a request with an empty array has no body.
    public var body: [UInt8]
    /// The time limit for the whole exchange, until the answer's last byte.
    public var timeLimit = Duration.seconds(60)
    /// The limit of the answer's body, in bytes.
    public var responseLimit = 8 << 20
    /// Whether the client uses the environment's proxy. It must be false for servers on this host or link, such as
    /// IMDS.
    public var usesProxy = true
    /// Receives the body of an answer with a status of 2xx, part by part, as it arrives; the returned answer then has
    /// no body, and ``responseLimit`` does not apply. False ends the transfer with
    /// ``HTTPError/Reason/answerTooLarge``. The client calls it on its loop, so it must not block.
    public var onBody: (@Sendable ([UInt8]) -> Bool)?

    /// Makes a request with these properties.
    public init(_ method: String, _ url: String, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Sends requests and returns the answers: ``HTTPClient``, or a test double.
public protocol HTTPSender: Sendable {
    /// Sends a request, and returns the answer with any status, also a redirect. Cancelling the task cancels the
    /// transfer.
    func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse
}

/// The reason why there is no answer.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the server may have done. A caller needs it to decide whether to repeat the request.
    public enum Effect: Hashable, Sendable {
        /// No byte of the request was sent, so the server has done nothing.
        case notSent
        /// The request, or a part of it, was sent. The server may have executed it.
        case unknown
    }

    /// The kinds of failures.
    public enum Reason: Hashable, Sendable {
        /// The URL or a header cannot be sent.
        case malformedRequest
        case nameResolution
        /// No process listens there, or the server closed the connection before the TLS handshake ended.
        case connection
        /// The TLS certificate, its name or its authority is not trusted.
        case security
        case proxy
        case deadline
        /// The peer closed the connection, or its answer is not HTTP.
        case brokenAnswer
        /// The answer is longer than ``OutgoingRequest/responseLimit``.
        case answerTooLarge
        case cancelled
        /// The client itself has stopped, or lacks resources.
        case client
    }

    /// Whether the server may have received the request.
    public let effect: Effect
    /// The kind of the failure.
    public let reason: Reason
    /// The failure in words, with host and port, without the query and without secrets.
    public let description: String

    /// Makes an error with these properties.
    public init(_ effect: Effect, _ reason: Reason, _ description: String) {
        self.effect = effect
        self.reason = reason
        self.description = description
    }
}
