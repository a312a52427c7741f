internal import LinuxIO

/// Where a pod finds its cluster's API server, and the files that Kubernetes mounts into the pod for it.
package struct ClusterAccess: Equatable, Sendable {
    /// The directory in which Kubernetes mounts a pod's ServiceAccount.
    package static let directory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The server's URL, without a slash at its end.
    package let endpoint: String
    /// The PEM file of the authorities of the server's certificate; nil for a server without TLS.
    package let authorityFile: String?
    /// The file of the token. The kubelet replaces it before the token expires.
    package let tokenFile: String

    /// Names a server and its files.
    package init(endpoint: String, authorityFile: String?, tokenFile: String) {
        self.endpoint = endpoint
        self.authorityFile = authorityFile
        self.tokenFile = tokenFile
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
        tokenFile = directory + "/token"
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
