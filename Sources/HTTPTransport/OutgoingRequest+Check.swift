internal import Encoding

/// The scheme, the host and the port of a URL.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    let isSecure: Bool
    /// The host of the URL, in lower case. An IPv6 address has brackets.
    let host: String
    let port: UInt16

    /// The text `host:port`.
    var description: String { "\(host):\(port)" }
}

extension OutgoingRequest {
    /// Checks the whole request, and returns its destination.
    ///
    /// In HTTP a line break separates fields, so a line break in a value would add a field or a request that the caller
    /// did not intend. A URL with a user is refused, because the client would send the user as a credential. A URL with
    /// a fragment is refused, because the client would not send the fragment.
    /// - Throws: ``HTTPError`` with ``HTTPError/Reason/malformedRequest``.
    func origin() throws(HTTPError) -> Origin {
        func refuse(_ why: String) -> HTTPError { HTTPError(.notSent, .malformedRequest, why) }
        guard !method.isEmpty, method.utf8.allSatisfy(HTTPSyntax.isTokenCharacter) else {
            throw refuse("the method \(method.debugDescription.prefix(40)) is not an HTTP method")
        }
        for (name, value) in headers.fields {
            guard !name.isEmpty, name.utf8.allSatisfy(HTTPSyntax.isTokenCharacter) else {
                throw refuse("\(name.debugDescription.prefix(80)) cannot be a header's name")
            }
            guard value.utf8.allSatisfy(\.isFieldContent) else {
                throw refuse("the value of header \(name) has a line break or another control character in it")
            }
        }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw refuse("the URL has a space, a control character or a character outside ASCII: percent-encode it")
        }
        let isSecure: Bool
        let rest: Substring
        if url.lowercased().hasPrefix("https://") {
            (isSecure, rest) = (true, url.dropFirst(8))
        } else if url.lowercased().hasPrefix("http://") {
            (isSecure, rest) = (false, url.dropFirst(7))
        } else {
            throw refuse("the URL begins with neither https:// nor http://")
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { throw refuse("the URL has a user name") }
        guard !authority.contains("\\"), !url.contains("#") else { throw refuse("the URL has a # or \\") }
        var host = authority
        var port: UInt16 = isSecure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else {
                throw refuse("the URL's port is not valid")
            }
            (host, port) = (authority[..<colon], number)
        }
        guard !host.isEmpty else { throw refuse("the URL has no host") }
        return Origin(isSecure: isSecure, host: host.lowercased(), port: port)
    }

}

extension UInt8 {
    /// Whether this byte is valid in a header's value (RFC 9110, 5.5).
    fileprivate var isFieldContent: Bool { self >= 0x20 && self != 0x7F || self == 0x09 }
}
