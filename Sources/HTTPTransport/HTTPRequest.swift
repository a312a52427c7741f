/// A client's request.
public struct HTTPRequest: Sendable, Equatable {
    /// The method, such as `GET` or `PUT`, as the client sent it.
    public let method: String
    /// The target, such as `/a%20b?c=d`, as the client sent it.
    public let target: String
    /// The header's fields.
    public let headers: HTTPHeaders
    /// The whole body. It is not longer than the server's limit.
    public let body: [UInt8]
    /// The client's numeric address; empty on a Unix socket.
    public let peer: String

    /// Makes a request with these properties.
    public init(
        method: String, target: String, headers: HTTPHeaders = [:], body: [UInt8] = [], peer: String = ""
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
    }

    /// The target up to the question mark, still percent-encoded.
    public var path: String { String(target.prefix { $0 != "?" }) }

    /// The parts of the path between slashes, percent-decoded and without empty parts.
    public var segments: [String] {
        path.split(separator: "/").map { PercentEncoding.decoded($0, plusIsSpace: false) }
    }

    /// The parameters after the question mark, percent-decoded, in the order of the target.
    public var query: [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return target[target.index(after: mark)...].split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1] : ""
            return (
                PercentEncoding.decoded(parts[0], plusIsSpace: true), PercentEncoding.decoded(value, plusIsSpace: true)
            )
        }
    }

    /// The first value of the query parameter `name`.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// A server's answer.
public struct HTTPResponse: Sendable, Equatable {
    /// The status code, such as 200 or 404.
    public var status: Int
    /// The header's fields. The server adds length and date.
    public var headers: HTTPHeaders
    /// The body. The server does not send it in the answer to a HEAD request.
    public var body: [UInt8]
    /// The source of a body that is sent in parts, in place of ``body``; nil for a complete body.
    public var stream: HTTPBodyStream?

    /// Makes a response with these properties.
    public init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// No answer. The server closes the connection and sends no byte.
    public static let disconnect = HTTPResponse(status: 0)

    /// A response with plain text.
    public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}

/// The percent-encoding of URLs, such as `%41`.
enum PercentEncoding {
    /// Decodes `text`. A `%` without two hexadecimal digits stays; invalid UTF-8 is repaired.
    static func decoded(_ text: Substring, plusIsSpace: Bool) -> String {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                let isSpace = plusIsSpace && bytes[index] == UInt8(ascii: "+")
                decoded.append(isSpace ? UInt8(ascii: " ") : bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
