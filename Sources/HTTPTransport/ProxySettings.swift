/// Which proxy and which authorities the environment asks for, read as the curl program reads them.
struct ProxySettings: Sendable {
    /// The proxy for plain requests; from lower case only, because a CGI program's environment has
    /// `HTTP_PROXY` from a client that sends it a header `Proxy`.
    let plain: String?
    /// The proxy for TLS.
    let secure: String?
    /// Hosts that are asked directly: names, which stand for what is below them too, addresses, networks, or `*`.
    let exceptions: String?
    /// PEM file of the authorities to trust, instead of the system's.
    let authorityFile: String?
    /// Directory of the same.
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
