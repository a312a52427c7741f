internal import Encoding

/// The head of one HTTP request of a pod's process to the metadata service.
public struct MetadataRequest: Equatable, Sendable {
    /// The method, such as `GET`.
    public let method: String
    /// The part before the question mark; begins with a slash.
    public let path: String
    /// The part after the question mark, not decoded; nil without a question mark.
    public let query: String?
    /// Whether the request has `Metadata: true`, which no browser and no redirect sends.
    public let isMarked: Bool
    /// Whether the request came through a proxy, or has a body. A legitimate metadata request has neither.
    public let isIndirect: Bool

    /// The longest head, in bytes.
    public static let limit = 8 << 10

    /// Reads a head, with the empty line that ends it.
    ///
    /// - Throws: ``MetadataRefusal`` if it is not a request of HTTP/1.0 or 1.1.
    public init(parsing head: some Collection<UInt8>) throws(MetadataRefusal) {
        var lines = Array(head).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        }
        // The empty line, and the text after its end.
        guard lines.popLast()?.isEmpty == true, lines.popLast()?.isEmpty == true, !lines.isEmpty else {
            throw .badRequest("the request is not complete")
        }
        let words = lines.removeFirst().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, words[2].elementsEqual("HTTP/1.1".utf8) || words[2].elementsEqual("HTTP/1.0".utf8),
            (1...16).contains(words[0].count), words[0].allSatisfy({ (0x41...0x5a).contains($0) }),
            words[1].first == UInt8(ascii: "/"), words[1].allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw .badRequest("the first line is not an HTTP/1.1 request") }
        method = String(decoding: words[0], as: UTF8.self)
        let target = words[1].split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        path = String(decoding: target[0], as: UTF8.self)
        query = target.count == 2 ? String(decoding: target[1], as: UTF8.self) : nil
        var marks: [Bool] = []
        var isIndirect = false
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy(HTTPSyntax.isTokenCharacter), line.allSatisfy({ $0 >= 0x20 || $0 == 0x09 })
            else { throw .badRequest("a line of the header is not a field") }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self).filter { $0 != " " && $0 != "\t" }
            switch name {
            case "metadata": marks.append(value.lowercased() == "true")
            case "x-forwarded-for", "forwarded", "via", "transfer-encoding", "upgrade": isIndirect = true
            case "content-length": if value != "0" { isIndirect = true }
            default: break
            }
        }
        isMarked = !marks.isEmpty && !marks.contains(false)
        self.isIndirect = isIndirect
    }

    /// The end of the head with which `bytes` begin; nil if the head is not complete yet.
    ///
    /// - Throws: ``MetadataRefusal`` once the head is too long.
    public static func end(in bytes: [UInt8]) throws(MetadataRefusal) -> Int? {
        var isLineEmpty = false
        for index in bytes.indices.prefix(limit) {
            switch bytes[index] {
            case UInt8(ascii: "\n"):
                if isLineEmpty { return index + 1 }
                isLineEmpty = true
            case UInt8(ascii: "\r"): break
            default: isLineEmpty = false
            }
        }
        if bytes.count >= limit { throw .badRequest("the request is longer than \(limit) bytes") }
        return nil
    }
}

/// Why a request is not forwarded, as the answer to it.
public struct MetadataRefusal: Error, Equatable, Sendable {
    /// An HTTP status.
    public let status: Int
    /// Why, as a clause.
    public let reason: String

    static func badRequest(_ reason: String) -> MetadataRefusal { MetadataRefusal(status: 400, reason: reason) }
}
