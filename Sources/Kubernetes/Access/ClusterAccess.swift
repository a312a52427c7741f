package import HTTPTransport
internal import LinuxIO
package import Telemetry

/// Where a pod finds its cluster's API server, and the files that Kubernetes mounts into the pod for it.
package struct ClusterAccess: Equatable, Sendable {
    /// The directory in which Kubernetes mounts a pod's ServiceAccount.
    package static let directory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The server's URL, without a slash at its end.
    package let endpoint: String
    /// The PEM file of the authorities of the server's certificate; nil for a server without TLS.
    package let authorityFile: String?
    /// How this process says who it is.
    package let credential: Credential
    /// The authorities in PEM, in place of a file.
    package var authorities: String?
    /// Where the server listens, if the name in its certificate is not that of its address.
    package var connection: HTTPClient.Connection?
    /// Whether requests may use the environment's proxy. A pod reaches its cluster's server without one.
    package var usesProxy = false

    /// The ways of authentication.
    package enum Credential: Equatable, Sendable {
        /// The file of a token. The kubelet replaces it before the token expires.
        case tokenFile(String)
        /// A token.
        case token(Secret<String>)
        /// A certificate and its key, in PEM.
        case certificate(HTTPClient.ClientCertificate)
    }

    /// Names a server and its files.
    package init(endpoint: String, authorityFile: String?, tokenFile: String) {
        self.init(endpoint: endpoint, authorityFile: authorityFile, credential: .tokenFile(tokenFile))
    }

    /// Names a server and a credential.
    package init(endpoint: String, authorityFile: String?, credential: Credential) {
        self.endpoint = endpoint
        self.authorityFile = authorityFile
        self.credential = credential
    }

    /// The settings of an HTTP client for this server.
    package func clientOptions(_ environment: [String: String]) -> HTTPClient.Options {
        var options = HTTPClient.Options()
        options.environment = environment
        options.authorityFile = authorityFile
        options.authorities = authorities
        options.connection = connection
        if case .certificate(let certificate) = credential { options.clientCertificate = certificate }
        options.connectTimeout = .seconds(5)
        return options
    }

    /// Why a process has no access to a cluster.
    package struct Missing: Error, Equatable, CustomStringConvertible {
        /// What is missing, and what it means.
        package let description: String
    }

    /// The access of a pod, from its environment and its ServiceAccount's directory.
    ///
    /// - Throws: ``Missing``: this process does not run in a pod, or the pod has no ServiceAccount.
    package init(environment: [String: String], directory: String = Self.directory) throws(Missing) {
        let host = environment["KUBERNETES_SERVICE_HOST"] ?? ""
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? ""
        guard !host.isEmpty, !port.isEmpty else {
            throw Missing(
                description:
                    "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this process does not run "
                    + "in a pod of Kubernetes")
        }
        guard let number = UInt16(port), number > 0, Self.isHost(host) else {
            throw Missing(
                description: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not a host and a port")
        }
        guard Files.exists(directory + "/token") else {
            throw Missing(
                description: "there is no ServiceAccount's token at \(directory)/token: the pod may have "
                    + "automountServiceAccountToken: false")
        }
        endpoint = "https://" + (host.contains(":") ? "[\(host)]" : host) + ":\(number)"
        authorityFile = directory + "/ca.crt"
        credential = .tokenFile(directory + "/token")
    }

    /// Whether `text` is a name or an address. A zone such as `%eth0` is not possible in a cluster's address.
    private static func isHost(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }
}
