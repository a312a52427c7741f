internal import Encoding
internal import Fuzzing
internal import JSON
internal import Kubernetes
internal import PodVMLifecycle
internal import Telemetry

/// Examines the credentials of image pull secrets, which any user of a cluster can write: the values of `.dockerconfigjson` and
/// `.dockercfg`.
///
/// The first byte selects the pod's images and the kind of the secret; the rest is the value. A second reader, without care
/// for time and memory, says which credentials must come out.
@main
struct RegistryAuthorizationsFuzzer {
    private static let images = [
        ["nginx"], ["r.io/a:1", "docker.io/library/b"], ["127.0.0.1:5000/c", "eu.gcr.example.com/d@sha256:00"],
        ["a.b.c.d/e", "x.y/z", "localhost/f"],
    ]

    static func main() {
        Fuzzer.run { input in
            guard let first = input.first else { return }
            let images = images[Int(first) % images.count]
            let isConfiguration = first < 128
            let text = Array(input.dropFirst())
            guard let secret = secret(isConfiguration ? ".dockerconfigjson" : ".dockercfg", text) else { return }
            examine(text, secret, images, isConfiguration)
        }
    }

    private static func secret(_ key: String, _ value: [UInt8]) -> ClusterSecret? {
        let metadata: JSONValue = ["name": "s", "namespace": "n"]
        let data: JSONValue = .object(JSONObject([(key, .string(Base64.encode(value)))]))
        return try? ClusterSecret(JSONObject([("metadata", metadata), ("data", data)]))
    }

    private static func examine(_ text: [UInt8], _ secret: ClusterSecret, _ images: [String], _ isConfiguration: Bool) {
        var authorizations = RegistryAuthorizations(images: images)
        do {
            try authorizations.add(secret)
        } catch {
            require(authorizations.isEmpty, "credentials of a secret that is refused")
            return
        }
        let wanted = PlainReader(images: images.map(ImageRegistry.host(of:)), isConfiguration: isConfiguration).read(
            text)
        let found = credentials(authorizations)
        if let found { require(found == wanted, "\(found.keys) instead of \(wanted?.keys.sorted() ?? [])") }
        // The same secret again changes nothing.
        let before = found
        try? authorizations.add(secret)
        require(credentials(authorizations) == before, "a second time, the credentials differ")
    }

    /// The credentials in auth.json by registry; nil if they are too large.
    private static func credentials(_ authorizations: RegistryAuthorizations) -> [String: [UInt8]]? {
        let document: [UInt8]
        do {
            guard let encoded = try authorizations.encoded() else { return [:] }
            document = encoded.reveal()
        } catch {
            return nil
        }
        require(document.count <= RegistryAuthorizations.sizeLimit, "auth.json has \(document.count) bytes")
        let members = (try? JSONValue(parsing: document))?["auths"]?.objectValue
        require(members != nil, "auth.json is not a document of container tools")
        var credentials: [String: [UInt8]] = [:]
        for (registry, entry) in members?.entries ?? [] {
            let plain = entry["auth"]?.stringValue.flatMap { Base64.decode($0.utf8) }
            require(plain?.contains(UInt8(ascii: ":")) == true, "a credential without a user")
            credentials[registry] = plain
        }
        return credentials
    }
}

/// A second reader of docker configurations.
private struct PlainReader {
    private static let dockerHub = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.docker.io"]

    let images: [String]
    let isConfiguration: Bool

    func read(_ text: [UInt8]) -> [String: [UInt8]]? {
        let limits = JSONLimits(size: 1 << 20, depth: 16, allowsDuplicateKeys: true)
        guard let root = try? JSONValue(parsing: text, limits: limits) else { return nil }
        let list = isConfiguration ? root["auths"]?.objectValue : root.objectValue
        var credentials: [String: [UInt8]] = [:]
        for (key, value) in list?.entries ?? [] {
            guard key.utf8.count <= 512, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let plain = plain(value)
            else { continue }
            var host = key.lowercased()
            for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host.removeFirst(scheme.count) }
            host = host.split(separator: "/", omittingEmptySubsequences: false).first.map(String.init) ?? ""
            if host.isEmpty { continue }
            if Self.dockerHub.contains(host) { host = "docker.io" }
            for image in images where matches(host, image) { credentials[key.contains("*") ? image : key] = plain }
        }
        return credentials
    }

    private func plain(_ value: JSONValue) -> [UInt8]? {
        if let text = value["auth"]?.stringValue, !text.isEmpty {
            guard text.utf8.count <= 8192, let plain = Base64.decode(text.utf8, skipsLineBreaks: true) else {
                return nil
            }
            return plain.contains(UInt8(ascii: ":")) ? plain : nil
        }
        guard let user = value["username"]?.stringValue, let password = value["password"]?.stringValue,
            !user.isEmpty || !password.isEmpty, user.utf8.count + password.utf8.count < 4096
        else { return nil }
        return Array((user + ":" + password).utf8)
    }

    /// Whether each label of the pattern matches the host's.
    private func matches(_ pattern: String, _ host: String) -> Bool {
        if !pattern.contains("*") { return pattern == host }
        let patterns = pattern.split(separator: ".", omittingEmptySubsequences: false)
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        return patterns.count == labels.count
            && zip(patterns, labels).allSatisfy { label(Array($0.utf8), Array($1.utf8)) }
    }

    /// Matches with a table: `reachable[i]` says whether the pattern until now matches the first i bytes.
    private func label(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var reachable = [true] + [Bool](repeating: false, count: text.count)
        for byte in pattern {
            var next = [Bool](repeating: false, count: text.count + 1)
            for end in 0...text.count {
                if byte == UInt8(ascii: "*") {
                    next[end] = reachable[end] || end > 0 && next[end - 1]
                } else {
                    next[end] = end > 0 && reachable[end - 1] && text[end - 1] == byte
                }
            }
            reachable = next
        }
        return reachable[text.count]
    }
}
