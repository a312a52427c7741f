internal import JSON
public import Telemetry

/// The node's configuration for the pod VM's forwarder: apf.json.
///
/// The format is that of the Go cloud-api-adaptor, and each side may be Go's. Keys are case-insensitive, unknown keys
/// are ignored, and an array may be `null`. An empty value is left out where Go leaves it out.
public struct BootDocument: Equatable, Sendable {
    /// The pod's network; nil if the node sets up none.
    public var podNetwork: PodNetworkDescription?
    /// The pod's namespace in Kubernetes.
    public var podNamespace: String
    /// The pod's name in Kubernetes.
    public var podName: String
    /// The forwarder's private key, PKCS#8 in PEM.
    public var serverKey: Secret<String>?
    /// The forwarder's certificate in PEM.
    public var serverCertificate: String?
    /// The clients that the forwarder accepts: their certificate authority, or the only client's certificate, in PEM.
    public var clientCA: String?
    /// The lowest TLS version, `VersionTLS12` or `VersionTLS13`; nil means the forwarder's default.
    public var minimumTLSVersion: String?
    /// The IANA names of the allowed TLS 1.2 cipher suites; empty means the forwarder's default.
    public var cipherSuites: [String] = []

    /// The limit of the document, in bytes. User data has at most 48 KiB in total.
    public static let sizeLimit = 64 << 10

    /// Makes a document without network and TLS.
    public init(podName: String, podNamespace: String) {
        self.podName = podName
        self.podNamespace = podNamespace
    }

    /// Parses apf.json. Throws ``BootError`` with the name of the invalid key.
    public init(parsing bytes: [UInt8]) throws(BootError) {
        guard !bytes.isEmpty else {
            throw BootError(.malformed, "apf.json", "it is empty", advice: Self.advice)
        }
        do throws(JSONError) {
            let limits = JSONLimits(size: Self.sizeLimit, depth: 16)
            try self.init(reading: JSONNode(JSONValue(parsing: bytes, limits: limits), ignoresCase: true))
        } catch {
            throw BootError(
                bytes.count > Self.sizeLimit ? .tooLarge : .malformed, "apf.json", error.description,
                advice: Self.advice)
        }
    }

    private static let advice =
        "it comes from the node, in the VM's user data: delete the pod, so that Kubernetes creates it again"

    private init(reading node: JSONNode) throws(JSONError) {
        podNetwork = try node.optionalObject("pod-network").map { node throws(JSONError) in
            try PodNetworkDescription(reading: node)
        }
        podNamespace = try node.string("pod-namespace")
        podName = try node.string("pod-name")
        serverKey = try node.nonEmptyString("tls-server-key").map(Secret.init)
        serverCertificate = try node.nonEmptyString("tls-server-cert")
        clientCA = try node.nonEmptyString("tls-client-ca")
        minimumTLSVersion = try node.nonEmptyString("tls-min-version")
        cipherSuites = try node.optionalStrings("tls-cipher-suites") ?? []
        if (serverKey == nil) != (serverCertificate == nil) {
            let (present, missing) =
                serverKey == nil ? ("tls-server-cert", "tls-server-key") : ("tls-server-key", "tls-server-cert")
            throw JSONError(path: missing, "expected a string, since \(present) is there, found nothing")
        }
    }

    /// The document in Go's format: an indentation of four spaces, and a newline at the end.
    public var encoded: [UInt8] {
        var object = JSONObject([
            ("pod-network", podNetwork?.json ?? .null), ("pod-namespace", .string(podNamespace)),
            ("pod-name", .string(podName)),
        ])
        let texts = [
            ("tls-server-key", serverKey?.reveal()), ("tls-server-cert", serverCertificate),
            ("tls-client-ca", clientCA),
            ("tls-min-version", minimumTLSVersion),
        ]
        for case (let key, let text?) in texts where !text.isEmpty { object[key] = .string(text) }
        if !cipherSuites.isEmpty { object["tls-cipher-suites"] = .array(cipherSuites.map(JSONValue.string)) }
        return JSONValue.object(object).encoded(indent: 4) + [UInt8(ascii: "\n")]
    }
}

extension JSONNode {
    /// Go omits an empty string, so an empty string counts as nil.
    fileprivate func nonEmptyString(_ key: String) throws(JSONError) -> String? {
        try optionalString(key).flatMap { $0.isEmpty ? nil : $0 }
    }
}
