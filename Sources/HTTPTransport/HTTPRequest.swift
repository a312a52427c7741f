/// What a client asks for.
public struct HTTPRequest: Sendable, Equatable {
    /// `GET`, `PUT` and so on, as sent.
    public let method: String
    /// What follows the method, as sent: `/a%20b?c=d`.
    public let target: String
    /// The header's fields.
    public let headers: HTTPHeaders
    /// The whole body, within the server's limit.
    public let body: [UInt8]
    /// The client's numeric address; empty on a Unix socket.
    public let peer: String

    /// A request as a client would have sent it.
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

    /// The path between its slashes, each part percent-decoded; empty parts are left out.
    public var segments: [String] {
        path.split(separator: "/").map { PercentEncoding.decoded($0, plusIsSpace: false) }
    }

    /// What follows the question mark, percent-decoded, in order.
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

    /// The first value of a name in the query.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// What a server answers.
public struct HTTPResponse: Sendable, Equatable {
    /// 200, 404 and so on.
    public var status: Int
    /// The header's fields; lengths and dates are added in sending.
    public var headers: HTTPHeaders
    /// The body; not sent to a HEAD.
    public var body: [UInt8]

    /// A response of these parts.
    public init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// No answer at all: the server closes the connection without a byte.
    public static let disconnect = HTTPResponse(status: 0)

    /// Plain text for people.
    public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}

/// The `%41` of URLs.
enum PercentEncoding {
    /// `text` decoded; a `%` that begins no escape stays, and what is not UTF-8 is repaired.
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
