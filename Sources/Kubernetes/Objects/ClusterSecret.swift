internal import Encoding
package import JSON
package import Telemetry

/// A Secret object.
package struct ClusterSecret: Sendable {
    /// Name and namespace.
    package let metadata: ObjectMetadata
    /// The type, such as `kubernetes.io/dockerconfigjson`.
    package let type: String
    /// The decoded values.
    package let data: [String: Secret<[UInt8]>]

    /// Reads a Secret.
    package init(_ object: JSONObject) throws(JSONError) {
        metadata = try ObjectMetadata(of: object)
        type = try object.optionalString("type") ?? ""
        var data: [String: Secret<[UInt8]>] = [:]
        for (key, text) in try object.optionalTexts("data") {
            guard let bytes = Base64.decode(text.utf8, skipsLineBreaks: true) else {
                throw JSONError(path: "data.\(key)", "expected base64")
            }
            data[key] = Secret(bytes)
        }
        self.data = data
    }
}

/// A ServiceAccount object.
package struct ClusterServiceAccount: Equatable, Sendable {
    /// Name and namespace.
    package let metadata: ObjectMetadata
    /// The names of the secrets with which images of its pods are pulled.
    package let imagePullSecrets: [String]

    /// Reads a ServiceAccount.
    package init(_ object: JSONObject) throws(JSONError) {
        metadata = try ObjectMetadata(of: object)
        imagePullSecrets = try object.optionalNames("imagePullSecrets")
    }
}
