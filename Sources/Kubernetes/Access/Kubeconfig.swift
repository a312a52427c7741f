internal import Encoding
internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry
internal import TextFormats

/// The part of kubectl's configuration that names a server and a credential.
///
/// Tokens, token files and client certificates are read. Programs that make credentials (`exec`), passwords and servers
/// without a check of their certificate are refused, with what to do instead.
package struct Kubeconfig: Sendable {
    /// The longest file, in bytes.
    package static let sizeLimit = 4 << 20

    /// Why a kubeconfig gives no access.
    package struct Unusable: Error, Equatable, CustomStringConvertible {
        /// The file, the problem and what to do.
        package let description: String
    }

    /// The access to the server.
    package let access: ClusterAccess
    /// The context's namespace; nil if it names none.
    package let namespace: String?
    /// The context's name.
    package let context: String

    /// The file that kubectl would read: `path` if it is not empty, the first existing one of `KUBECONFIG`, or
    /// `~/.kube/config`; nil if there is none.
    package static func path(named path: String, environment: [String: String]) -> String? {
        if !path.isEmpty { return path }
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return list.split(separator: ":").map(String.init).first(where: Files.exists)
        }
        guard let home = environment["HOME"], !home.isEmpty else { return nil }
        return Files.exists("\(home)/.kube/config") ? "\(home)/.kube/config" : nil
    }

    /// Reads the file at `path`. `context` is the name of a context; empty for the current one. `tokenFile`, if it is not
    /// empty, has the token that replaces the file's credential.
    package init(_ path: String, context name: String = "", tokenFile: String = "") throws(Unusable) {
        let content: JSONValue
        do {
            content = try JSONValue(
                yaml: try DurableFile.read(path, limit: Self.sizeLimit), limits: Self.limits)
        } catch let error as TextFormatError {
            throw Unusable(description: "\(path) is not YAML that this program reads: \(error)")
        } catch {
            throw Unusable(description: "the kubeconfig cannot be read: \(error)")
        }
        let reader = Reader(path: path, content: content)
        let current = name.isEmpty ? content["current-context"]?.stringValue ?? "" : name
        guard !current.isEmpty else {
            throw Unusable(description: "\(path) has no current context: name one with -context")
        }
        let chosen = try reader.entry("context", current)
        let cluster = try reader.entry("cluster", chosen["cluster"]?.stringValue ?? "")
        let credential =
            tokenFile.isEmpty
            ? try reader.credential(chosen["user"]?.stringValue ?? "") : .tokenFile(tokenFile)
        access = try reader.access(cluster, credential)
        namespace = chosen["namespace"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        context = current
    }

    private static var limits: TextLimits {
        var limits = TextLimits()
        limits.size = sizeLimit
        return limits
    }
}

/// Reads the entries of one file.
private struct Reader {
    let path: String
    let content: JSONValue

    func fail(_ what: String) -> Kubeconfig.Unusable { Kubeconfig.Unusable(description: "\(path): \(what)") }

    /// The entry of this kind and name.
    func entry(_ kind: String, _ name: String) throws(Kubeconfig.Unusable) -> JSONValue {
        let found = content["\(kind)s"]?.arrayValue?.first { $0["name"]?.stringValue == name }
        guard let entry = found?[kind], entry.objectValue != nil else {
            throw fail("there is no \(kind) \"\(name)\"")
        }
        return entry
    }

    func access(
        _ cluster: JSONValue, _ credential: ClusterAccess.Credential
    ) throws(Kubeconfig.Unusable) -> ClusterAccess {
        var server = cluster["server"]?.stringValue ?? ""
        while server.hasSuffix("/") { server.removeLast() }
        guard let place = Place(server) else {
            throw fail("the server \"\(server)\" is not an address that begins with https:// or http://")
        }
        if cluster["insecure-skip-tls-verify"]?.boolValue == true {
            throw fail(
                "insecure-skip-tls-verify is set: this program sends no credential to a server that it cannot check; "
                    + "set certificate-authority-data instead")
        }
        if let proxy = cluster["proxy-url"]?.stringValue, !proxy.isEmpty {
            throw fail("proxy-url is not supported: set HTTPS_PROXY instead")
        }
        var endpoint = server
        var connection: HTTPClient.Connection?
        if let name = cluster["tls-server-name"]?.stringValue, !name.isEmpty, place.isSecure {
            guard Place("https://\(name)")?.path.isEmpty == true else { throw fail("tls-server-name is not a name") }
            connection = HTTPClient.Connection(host: place.host, port: place.port)
            endpoint = "https://\(name):\(place.port)\(place.path)"
        }
        let file = try text(of: cluster["certificate-authority-data"], file: nil)
        var access = ClusterAccess(
            endpoint: endpoint,
            authorityFile: file == nil ? cluster["certificate-authority"]?.stringValue.map(absolute) : nil,
            credential: credential)
        access.authorities = file
        access.connection = connection
        access.usesProxy = true
        return access
    }

    func credential(_ name: String) throws(Kubeconfig.Unusable) -> ClusterAccess.Credential {
        let user = try entry("user", name)
        func refuse(_ what: String) -> Kubeconfig.Unusable {
            fail(
                "the user \"\(name)\" has \(what), which this program does not support: put a token into a file, for "
                    + "example with 'kubectl create token SERVICEACCOUNT -n NAMESPACE', and name the file with -token-file"
            )
        }
        if user["as"] != nil || user["impersonate-user"] != nil { throw refuse("an impersonation") }
        if let certificate = try text(of: user["client-certificate-data"], file: user["client-certificate"]) {
            guard let key = try text(of: user["client-key-data"], file: user["client-key"]) else {
                throw fail("the user \"\(name)\" has a client certificate without a key")
            }
            return .certificate(.init(chain: certificate, key: Secret(key)))
        }
        if let token = user["token"]?.stringValue, !token.isEmpty {
            guard token.utf8.count <= TokenClaims.tokenLimit, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { throw fail("the token of the user \"\(name)\" is too long or has other characters than a token's") }
            return .token(Secret(token))
        }
        if let file = user["tokenFile"]?.stringValue, !file.isEmpty { return .tokenFile(absolute(file)) }
        if let program = user["exec"]?["command"]?.stringValue {
            throw refuse("credentials from the program \(program)")
        }
        if user["auth-provider"] != nil { throw refuse("an auth-provider") }
        if user["username"] != nil { throw refuse("a password") }
        throw refuse("no credential")
    }

    /// The text of base64, or of a file; nil if neither is given.
    private func text(of data: JSONValue?, file: JSONValue?) throws(Kubeconfig.Unusable) -> String? {
        if let data = data?.stringValue, !data.isEmpty {
            guard let bytes = Base64.decode(Array(data.utf8)) else { throw fail("a member …-data is not base64") }
            return String(decoding: bytes, as: UTF8.self)
        }
        guard let file = file?.stringValue, !file.isEmpty else { return nil }
        do {
            return String(decoding: try DurableFile.read(absolute(file), limit: 1 << 20), as: UTF8.self)
        } catch {
            throw fail("\(error)")
        }
    }

    /// Paths are relative to the file's directory.
    private func absolute(_ file: String) -> String {
        file.hasPrefix("/") ? file : "\(Files.parent(of: path))/\(file)"
    }
}

/// The parts of a server's URL.
private struct Place {
    let isSecure: Bool
    /// Without brackets.
    let host: String
    let port: Int
    let path: String

    init?(_ url: String) {
        let rest: Substring
        if url.hasPrefix("https://") {
            (isSecure, rest) = (true, url.dropFirst(8))
        } else if url.hasPrefix("http://") {
            (isSecure, rest) = (false, url.dropFirst(7))
        } else {
            return nil
        }
        let place = rest.prefix { $0 != "/" }
        path = String(rest.dropFirst(place.count))
        guard !place.isEmpty, !place.contains(where: { "@?#".contains($0) || $0.isWhitespace }) else { return nil }
        var host = place
        var port = isSecure ? 443 : 80
        if let colon = place.lastIndex(of: ":"), !place[colon...].contains("]") {
            guard let number = UInt16(place[place.index(after: colon)...]), number > 0 else { return nil }
            port = Int(number)
            host = place[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }
}
