internal import Encoding
internal import JSON
package import PodVMLifecycle
package import Telemetry

/// The credentials for the registries of one pod's images, collected from pull secrets: the content of the guest's auth.json.
package struct RegistryAuthorizations: Sendable {
    /// The largest auth.json, as in the Go adaptor.
    package static let sizeLimit = 12_288
    /// The longest credential of one registry, in base64.
    private static let credentialLimit = 8192
    private static let entryLimit = 4096

    /// A secret that is not what its type says.
    package struct Malformed: Error, CustomStringConvertible {
        /// What is wrong, without any content.
        package let description: String
    }

    private struct Entry {
        let credential: Secret<String>
        let secret: String
    }

    private let hosts: Set<String>
    private var entries: [String: Entry] = [:]

    /// No credentials yet, for these images.
    package init(images: [String]) { hosts = Set(images.map(ImageRegistry.host(of:))) }

    /// Whether no credential is there.
    package var isEmpty: Bool { entries.isEmpty }

    /// Adds the credentials of a secret for the images' registries. A later one replaces an earlier one of the same registry.
    package mutating func add(_ secret: ClusterSecret) throws(Malformed) {
        let found: JSONObject?
        do throws(JSONError) {
            found = try Self.authorizations(in: secret)
        } catch {
            throw Malformed(description: "it is not a docker configuration: \(error)")
        }
        guard let list = found else {
            throw Malformed(description: "it has neither .dockerconfigjson nor .dockercfg")
        }
        guard list.count <= Self.entryLimit else {
            throw Malformed(description: "it has \(list.count) registries, and at most \(Self.entryLimit) are read")
        }
        for (key, value) in list.entries {
            guard let pattern = ImageRegistry.host(ofKey: key) else { continue }
            let matching = hosts.filter { ImageRegistry.matches(pattern, $0) }
            guard !matching.isEmpty, let credential = Self.credential(value) else { continue }
            // The guest does not know patterns.
            let names = key.utf8.contains(UInt8(ascii: "*")) ? Array(matching) : [key]
            for name in names { entries[name] = Entry(credential: credential, secret: secret.metadata.name) }
        }
    }

    /// auth.json, within its limit; nil without credentials.
    ///
    /// - Throws: ``LifecycleError`` with the size of each part.
    package func encoded() throws(LifecycleError) -> Secret<[UInt8]>? {
        if entries.isEmpty { return nil }
        let list = entries.sorted { $0.key < $1.key }.map { name, entry -> (String, JSONValue) in
            (name, ["auth": .string(entry.credential.reveal())])
        }
        let document: JSONValue = ["auths": .object(JSONObject(list))]
        let bytes = document.encoded()
        guard bytes.count > Self.sizeLimit else { return Secret(bytes) }
        let parts = entries.map { (name: $0.key, size: $0.value.credential.reveal().utf8.count, $0.value.secret) }
            .sorted { ($1.size, $0.name) < ($0.size, $1.name) }
        let largest = parts.prefix(5).map { "\($0.name) \($0.size) (Secret \($0.2))" }.joined(separator: ", ")
        throw LifecycleError(
            .invalidArgument,
            "the credentials for the registries of the pod's images have \(bytes.count) bytes in auth.json, and at most "
                + "\(Self.sizeLimit) are allowed; the largest of \(parts.count) registries, in bytes: \(largest). Give the pod "
                + "smaller image pull secrets, or set -pull-secrets=false.")
    }

    private static func authorizations(in secret: ClusterSecret) throws(JSONError) -> JSONObject? {
        let limits = JSONLimits(size: 1 << 20, depth: 16, allowsDuplicateKeys: true)
        if let bytes = secret.data[".dockerconfigjson"] {
            let node = try JSONNode(JSONValue(parsing: bytes.reveal(), limits: limits))
            return try node.optionalObject("auths")?.members ?? JSONObject()
        }
        guard let bytes = secret.data[".dockercfg"] else { return nil }
        return try JSONNode(JSONValue(parsing: bytes.reveal(), limits: limits)).members
    }

    /// The credential in base64; nil for an entry without one. An entry that cannot be used hides no other.
    private static func credential(_ value: JSONValue) -> Secret<String>? {
        if let text = value["auth"]?.stringValue, !text.isEmpty {
            guard text.utf8.count <= credentialLimit, let plain = Base64.decode(text.utf8, skipsLineBreaks: true),
                plain.contains(UInt8(ascii: ":"))
            else { return nil }
            return Secret(Base64.encode(plain))
        }
        guard let user = value["username"]?.stringValue, let password = value["password"]?.stringValue,
            !(user.isEmpty && password.isEmpty), user.utf8.count + password.utf8.count < credentialLimit / 2
        else { return nil }
        return Secret(Base64.encode(Array("\(user):\(password)".utf8)))
    }
}
