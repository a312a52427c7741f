/// Reads the answer of one HTTP/1.0 exchange, however its bytes are cut.
///
/// The pod VM's daemon sends one request to one service on its own link, so the reader supports only this much of HTTP:
/// no chunks, no compression, no redirects, no second answer on a connection. It refuses an answer that is too long, or
/// not HTTP, with a sentence; it guesses nothing.
public struct HTTPResponseReader: Sendable {
    /// A whole answer.
    public struct Answer: Equatable, Sendable {
        /// The HTTP status, such as 200.
        public let status: Int
        /// The content, without the header fields.
        public let body: [UInt8]
    }

    /// The longest status line and header, in bytes.
    public static let headLimit = 16 << 10

    private let bodyLimit: Int
    private var bytes: [UInt8] = []
    /// The parsed head, once it is complete, and where the body begins.
    private var head: (HTTPResponseHead, bodyStart: Int)?

    /// A reader of an answer whose body has at most `bodyLimit` bytes.
    public init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

    /// Reads the next bytes. Returns the answer once it is complete by its own length.
    public mutating func take(_ next: some Collection<UInt8>) throws(HTTPResponseError) -> Answer? {
        let seen = bytes.count
        bytes += next
        if head == nil { try readHead(from: seen) }
        guard let (head, start) = head else { return nil }
        guard let length = head.length else {
            if bytes.count - start > bodyLimit { throw .tooLong(limit: bodyLimit) }
            return nil
        }
        guard bytes.count - start >= length else { return nil }
        return Answer(status: head.status, body: Array(bytes[start..<start + length]))
    }

    /// Returns the answer at the end of the connection.
    public func finish() throws(HTTPResponseError) -> Answer {
        guard let (head, start) = head else { throw bytes.isEmpty ? .silent : .cutShort }
        if let length = head.length, bytes.count - start < length { throw .cutShort }
        return Answer(status: head.status, body: Array(bytes[start...]))
    }

    private mutating func readHead(from seen: Int) throws(HTTPResponseError) {
        try HTTPResponseHead.checkStart(bytes)
        // The empty line may have begun in the earlier bytes.
        var index = max(seen - 2, 0)
        while index < bytes.count {
            defer { index += 1 }
            guard bytes[index] == UInt8(ascii: "\n"), index < Self.headLimit else { continue }
            let rest = bytes[(index + 1)...].prefix(2)
            let ending = rest.first == UInt8(ascii: "\n") ? 1 : rest.elementsEqual("\r\n".utf8) ? 2 : 0
            guard ending > 0 else { continue }
            let head = try HTTPResponseHead(parsing: bytes[...index])
            if let length = head.length, length > bodyLimit { throw .tooLong(limit: bodyLimit) }
            self.head = (head, index + 1 + ending)
            return
        }
        // The limit leaves space for the two bytes that end a head of the full length.
        if bytes.count > Self.headLimit + 2 { throw .headTooLong }
    }
}

/// Why an answer cannot be used.
public enum HTTPResponseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The connection ended without a byte.
    case silent
    /// The connection ended within the answer.
    case cutShort
    case notHTTP
    case headTooLong
    /// A line of the header is not a field, or has an impossible value.
    case badHeader(String)
    /// The body has an encoding that servers do not send to an HTTP/1.0 client.
    case encoded(String)
    case tooLong(limit: Int)

    /// The failure as a sentence for a log line.
    public var description: String {
        switch self {
        case .silent: "the connection ended without an answer"
        case .cutShort: "the connection ended inside the answer"
        case .notHTTP: "the server does not speak HTTP"
        case .headTooLong: "the answer's header has more than \(HTTPResponseReader.headLimit) bytes"
        case .badHeader(let what): "the answer's header is broken: \(what)"
        case .encoded(let coding): "the answer has the encoding \(coding), which was not requested"
        case .tooLong(let limit): "the answer has more than \(limit) bytes, which is the limit"
        }
    }
}
