internal import JSON

/// auth.json in the format of container tools: `{"auths": {"<registry>": {"auth": "<base64 of user:password>"}}}`.
enum RegistryCredentials {
    /// Throws ``BootError`` if `content` is not such a document. The error contains the fault, but never the content.
    static func check(_ content: [UInt8]) throws(BootError) {
        do throws(JSONError) {
            let limits = JSONLimits(size: CloudConfig.sizeLimit, depth: 16)
            _ = try JSONNode(JSONValue(parsing: content, limits: limits)).optionalObject("auths")
        } catch {
            throw BootError(
                .malformed, GuestFile.registryCredentials.rawValue, error.description,
                advice: "check the pod's image pull secrets")
        }
    }
}
