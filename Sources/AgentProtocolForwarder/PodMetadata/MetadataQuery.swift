/// A query of the pod for the VM's metadata service: one of a few allowed queries, written again from its parts.
///
/// Only parts that passed the checks are forwarded, so a client cannot smuggle a request.
public struct MetadataQuery: Equatable, Sendable {
    /// The path, of letters, digits, dots, dashes, underscores and slashes.
    public let path: String
    /// The parameters, of the same characters without slashes. Each key occurs once.
    public let query: [Parameter]

    /// One parameter, `key=value`.
    public struct Parameter: Equatable, Sendable {
        /// The name: `api-version`, `format` or `nonce`.
        public let key: String
        /// The text after the equals sign.
        public let value: String
    }

    /// The allowed paths, with all paths below them. The tokens of the VM's identity are not allowed, because they are
    /// not the pod's.
    private static let roots = [
        ["metadata", "instance"], ["metadata", "versions"], ["metadata", "attested", "document"],
        ["metadata", "scheduledevents"], ["metadata", "loadbalancer"],
    ]
    private static let keys = ["api-version", "format", "nonce"]

    /// - Throws: ``MetadataRefusal`` for each request that is not known to be harmless.
    public init(_ request: MetadataRequest) throws(MetadataRefusal) {
        guard request.method == "GET" else {
            throw MetadataRefusal(status: 405, reason: "the pod's metadata service only answers GET")
        }
        guard request.isMarked else { throw .badRequest("the header Metadata: true is missing") }
        guard !request.isIndirect else { throw .badRequest("the request has a body, or came through a proxy") }
        path = try Self.checked(path: request.path)
        query = try request.query.map(Self.parameters) ?? []
    }

    /// Whether the query requests the answer as text, which names no members.
    var wantsText: Bool { query.contains { $0.key == "format" && $0.value.lowercased() == "text" } }

    /// Path and query, as sent to the VM's service.
    var target: String {
        let parameters = query.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        return "\(path)\(query.isEmpty ? "" : "?")\(parameters)"
    }

    /// The request to the VM's service.
    public func text(host: String) -> String { MetadataEndpoint.request(target, to: host) }

    private static func checked(path: String) throws(MetadataRefusal) -> String {
        // Each name has one spelling: no percent signs, and no doubled slashes.
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let named = parts.last?.isEmpty == true ? parts.dropLast() : parts
        guard path.utf8.count <= 512, named.allSatisfy({ isPlain($0) && $0 != "." && $0 != ".." }) else {
            throw .badRequest("the metadata service has no such path")
        }
        let lower = named.map { $0.lowercased() }
        guard roots.contains(where: { lower.starts(with: $0) }), !lower.contains(where: MetadataSecrets.isSecret) else {
            throw MetadataRefusal(status: 403, reason: "pods may not read this")
        }
        return path
    }

    private static func parameters(_ query: String) throws(MetadataRefusal) -> [Parameter] {
        var found: [Parameter] = []
        for part in query.split(separator: "&", omittingEmptySubsequences: true) {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, isPlain(words[1]), words[1].utf8.count <= 64, keys.contains(String(words[0])),
                !found.contains(where: { $0.key == words[0] })
            else {
                throw .badRequest(
                    "the query may have \(keys.joined(separator: ", ")), each at most once and as plain text")
            }
            found.append(Parameter(key: String(words[0]), value: String(words[1])))
        }
        return found
    }

    private static func isPlain(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "._-".utf8.contains(byte)
                }
            }
    }
}
