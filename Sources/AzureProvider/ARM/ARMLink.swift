/// A URL that ARM returned: a list's next page, or an operation.
///
/// It is requested unchanged, with the token, so it must lead to the configured server.
enum ARMLink {
    /// The longest link that is followed; links to operations have up to 4 KiB.
    static let lengthLimit = 16 << 10

    /// The whole URL; nil if it leads to another server or is not a URL. A link that begins with a slash is relative to
    /// `endpoint`.
    static func follow(_ link: String, at endpoint: String) -> String? {
        let bytes = link.utf8
        // Parsers disagree about the server of a URL with a control character, a space or a backslash.
        guard bytes.count <= lengthLimit, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") })
        else { return nil }
        if link.hasPrefix("/") { return link.hasPrefix("//") ? nil : endpoint + link }
        guard let own = origin(endpoint), let theirs = origin(link), own == theirs else { return nil }
        return link
    }

    /// The URL of a download that ARM names, which may be on another server and is requested without the token. It must
    /// be `https`, or lead to the configured server; else nil.
    static func download(_ link: String, at endpoint: String) -> String? {
        if let own = follow(link, at: endpoint) { return own }
        guard link.hasPrefix("https://"), let place = origin(link), follow(link, at: place.text) != nil else {
            return nil
        }
        return link
    }

    /// The server of a URL, always with the port. Nil for a URL with a user name, without a host, or with another
    /// scheme.
    private static func origin(_ url: String) -> EndpointURL? {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else { return nil }
        let authority = url[url.index(colon, offsetBy: 3)...].prefix { !"/?#".contains($0) }
        guard let place = EndpointURL("\(url[...colon])//\(authority)") else { return nil }
        return place.port == nil ? EndpointURL("\(place.text):\(place.isSecure ? 443 : 80)") : EndpointURL(place.text)
    }
}
