internal import HTTPTransport

/// Decides which requests get the page, and adds the header fields that protect the page in a browser.
///
/// A page of another site can make a browser send requests to 127.0.0.1, and by DNS rebinding even read the answers as if
/// they were its own. So the header Host must name this machine's loopback address, and the path must have the key.
struct PageGuard: Sendable {
    /// The random first part of each path.
    let key: String
    private let hosts: Set<String>

    init(key: String, port: UInt16) {
        self.key = key
        hosts = Set(["127.0.0.1", "localhost", "[::1]"].flatMap { port == 80 ? [$0, "\($0):80"] : ["\($0):\(port)"] })
    }

    /// The page's path.
    var path: String { "/\(key)/" }

    /// What the request asks for.
    enum Verdict: Equatable {
        case page, style
        case refused(status: Int, text: String)
    }

    func verdict(on request: HTTPRequest) -> Verdict {
        guard hosts.contains((request.headers["Host"] ?? "").lowercased()) else {
            return .refused(status: 421, text: "This page is only for 127.0.0.1.\n")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            return .refused(status: 405, text: "This page only reads.\n")
        }
        // A page of another site that names the address is refused, too.
        if let site = request.headers["Sec-Fetch-Site"], site != "none", site != "same-origin" {
            return .refused(status: 403, text: "Another site has asked for this page.\n")
        }
        switch request.path {
        case path: return .page
        case path + "style.css": return .style
        default: return .refused(status: 404, text: "The address needs the key that peerpodctl ui has printed.\n")
        }
    }

    /// An answer that a browser neither stores nor interprets in another way, and whose content loads only the style.
    static func response(_ status: Int, _ type: String, _ text: String) -> HTTPResponse {
        var response = HTTPResponse(status: status, body: Array(text.utf8))
        response.headers["Content-Type"] = "\(type); charset=utf-8"
        response.headers["Content-Security-Policy"] =
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if status == 405 { response.headers["Allow"] = "GET, HEAD" }
        return response
    }
}
