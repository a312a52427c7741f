/// The proxies and the authorities in the environment's variables. They mean the same as for the curl program.
struct ProxySettings: Sendable {
    /// The proxy for requests without TLS. Only the lower-case variable counts, because a client can set `HTTP_PROXY`
    /// in the environment of a CGI program with a header `Proxy`.
    let plain: String?
    /// The proxy for requests with TLS.
    let secure: String?
    /// Hosts that need no proxy: names, which include their subdomains, addresses, networks, or `*`.
    let exceptions: String?
    /// The PEM file of the trusted authorities, in place of the system's.
    let authorityFile: String?
    /// The directory of the trusted authorities.
    let authorityDirectory: String?

    init(environment: [String: String]) {
        func first(_ names: String...) -> String? {
            for name in names { if let value = environment[name], !value.isEmpty { return value } }
            return nil
        }
        let all = first("all_proxy", "ALL_PROXY")
        plain = first("http_proxy") ?? all
        secure = first("https_proxy", "HTTPS_PROXY") ?? all
        exceptions = first("no_proxy", "NO_PROXY")
        let bundle = first("CURL_CA_BUNDLE")
        authorityFile = bundle ?? first("SSL_CERT_FILE")
        authorityDirectory = bundle == nil ? first("SSL_CERT_DIR") : nil
    }
}
