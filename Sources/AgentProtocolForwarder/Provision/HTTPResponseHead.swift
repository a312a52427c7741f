internal import Encoding

/// The parts of an HTTP response's head that matter here.
struct HTTPResponseHead: Equatable {
    let status: Int
    /// The body's length; nil when the body ends with the connection.
    var length: Int?

    private static let version = Array("HTTP/1.".utf8)

    /// Throws as soon as the first bytes are not those of an HTTP answer.
    static func checkStart(_ bytes: [UInt8]) throws(HTTPResponseError) {
        let count = min(bytes.count, version.count)
        guard bytes[..<count].elementsEqual(version[..<count]) else { throw .notHTTP }
    }

    /// Reads the status line and the header, without the empty line after them.
    init(parsing head: ArraySlice<UInt8>) throws(HTTPResponseError) {
        var lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // The last element is the text after the last line's end.
        lines.removeLast()
        guard let first = lines.first else { throw .notHTTP }
        status = try Self.status(first)
        for line in lines.dropFirst() { try read(line.last == UInt8(ascii: "\r") ? line.dropLast() : line) }
        // These statuses have no body, whatever the header fields say.
        if status == 204 || status == 304 { length = 0 }
    }

    /// Parses `HTTP/1.1 200 OK`. The words may be missing.
    private static func status(_ line: ArraySlice<UInt8>) throws(HTTPResponseError) -> Int {
        let parts = line.split(maxSplits: 2, omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r")
        }
        guard parts.count >= 2, parts[0].count == version.count + 1, parts[0].starts(with: version),
            let minor = parts[0].last, isDigit(minor), parts[1].count == 3, let status = number(parts[1]),
            (200...599).contains(status)
        else { throw .notHTTP }
        return status
    }

    private mutating func read(_ line: ArraySlice<UInt8>) throws(HTTPResponseError) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(HTTPSyntax.isTokenCharacter)
        else { throw .badHeader("a line is not a field") }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        let value = Self.trimmed(line[(colon + 1)...])
        switch name {
        case "content-length":
            guard let length = Self.number(value) else { throw .badHeader("Content-Length is not a number") }
            if let other = self.length, other != length { throw .badHeader("Content-Length occurs twice") }
            self.length = length
        case "transfer-encoding", "content-encoding":
            let coding = String(decoding: value.prefix(32), as: UTF8.self)
            guard coding.lowercased() == "identity" else { throw .encoded(coding.debugDescription) }
        default: break
        }
    }

    private static func trimmed(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var value = value.drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return value
    }

    /// Parses digits only, few enough not to overflow.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...15).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
