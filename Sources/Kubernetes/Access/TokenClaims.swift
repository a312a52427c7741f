internal import Encoding
internal import JSON

/// What a ServiceAccount's token says of the pod that it was made for.
///
/// The signature is not checked: the token comes from the kubelet, and the claims are used only for names that this
/// process could also read from its environment.
package struct TokenClaims: Equatable, Sendable {
    /// The longest token that is read, in bytes.
    package static let tokenLimit = 64 << 10

    /// The pod's namespace.
    package var namespace: String?
    /// The name of the node on which the pod runs. Servers before 1.30 do not state it.
    package var nodeName: String?
    /// The pod's name.
    package var podName: String?
    /// The pod's UID.
    package var podUID: String?
    /// The ServiceAccount's name.
    package var serviceAccount: String?

    /// Reads a token; nil if it is not a JSON Web Token with claims of Kubernetes.
    package init?(token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard token.utf8.count <= Self.tokenLimit, parts.count == 3 else { return nil }
        var payload = parts[1].utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "+") : $0 }
        payload = payload.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0 }
        payload += [UInt8](repeating: UInt8(ascii: "="), count: (4 - payload.count % 4) % 4)
        guard let bytes = Base64.decode(payload),
            let claims = try? JSONValue(parsing: bytes, limits: JSONLimits(size: Self.tokenLimit, depth: 16)),
            let kubernetes = claims["kubernetes.io"]
        else { return nil }
        namespace = kubernetes["namespace"]?.stringValue
        nodeName = kubernetes["node"]?["name"]?.stringValue
        podName = kubernetes["pod"]?["name"]?.stringValue
        podUID = kubernetes["pod"]?["uid"]?.stringValue
        serviceAccount = kubernetes["serviceaccount"]?["name"]?.stringValue
    }
}
