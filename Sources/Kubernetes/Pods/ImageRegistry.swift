/// The registry of an image, and whether credentials are for it.
package enum ImageRegistry {
    private static let dockerHub: Set<String> = [
        "docker.io", "index.docker.io", "registry-1.docker.io", "registry.docker.io",
    ]
    /// The longest name of a registry, with a port and a path, in bytes.
    static let nameLimit = 512

    /// The host of an image's registry, with its port: that of Docker's registry for an image without a host.
    package static func host(of image: String) -> String {
        guard let slash = image.firstIndex(of: "/") else { return "docker.io" }
        let first = String(image[..<slash]).lowercased()
        let isHost = first == "localhost" || first.contains(".") || first.contains(":")
        return !isHost || dockerHub.contains(first) ? "docker.io" : first
    }

    /// The host in a key of a docker configuration, which may be a URL with a path, and may have `*` in its labels; nil for a
    /// key that names no host.
    package static func host(ofKey key: String) -> String? {
        guard key.utf8.count <= nameLimit, key.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        var rest = key.lowercased()[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        let host = String(rest.prefix { $0 != "/" })
        if host.isEmpty { return nil }
        return dockerHub.contains(host) ? "docker.io" : host
    }

    /// Whether a key's host, in which `*` stands for any part of a label, is this host.
    package static func matches(_ pattern: String, _ host: String) -> Bool {
        if !pattern.utf8.contains(UInt8(ascii: "*")) { return pattern == host }
        let (patterns, labels) = (
            pattern.split(separator: ".", omittingEmptySubsequences: false),
            host.split(separator: ".", omittingEmptySubsequences: false)
        )
        return patterns.count == labels.count
            && zip(patterns, labels).allSatisfy { label($0.utf8, matches: $1.utf8) }
    }

    /// Matches with one mark for the last star, so that the time is at most the product of the lengths.
    private static func label(_ pattern: Substring.UTF8View, matches text: Substring.UTF8View) -> Bool {
        let (pattern, text) = (Array(pattern), Array(text))
        var (p, t) = (0, 0)
        var mark: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                mark = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = mark {
                mark = (last.pattern, last.text + 1)
                p = last.pattern + 1
                t = last.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
