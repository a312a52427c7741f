internal import JSON
internal import LinuxIO

/// The identity under which this node's VMs were created last, in the pods directory:
///
///     {"cluster": "…", "source": "UID of the namespace kube-system"}
///
/// While there are sandboxes, a new process uses it again: under another identity it would not find their VMs.
struct ClusterIdentityRecord: Sendable {
    /// The file's name. It is not a sandbox's id.
    static let name = ".cluster-identity"
    private static let sizeLimit = 4096

    let podsDirectory: String

    private var path: String { podsDirectory + "/" + Self.name }

    /// The recorded identity; nil if there is none that can be read.
    var identity: ClusterIdentity? {
        guard let bytes = try? DurableFile.read(path, limit: Self.sizeLimit),
            let value = try? JSONValue(parsing: bytes), let cluster = value["cluster"]?.stringValue,
            ClusterIdentity.isValid(cluster),
            let source = value["source"]?.stringValue.flatMap(ClusterIdentity.Source.init)
        else { return nil }
        return ClusterIdentity(cluster, from: source)
    }

    /// Whether the pods directory has a sandbox.
    var hasSandboxes: Bool {
        let names = (try? Files.list(podsDirectory)) ?? []
        return names.contains { !$0.hasPrefix(".") && Files.isDirectory(podsDirectory + "/" + $0) }
    }

    /// Records an identity, durably.
    func write(_ identity: ClusterIdentity) throws {
        let value: JSONValue = ["cluster": .string(identity.value), "source": .string(identity.source.rawValue)]
        try DurableFile.write(value.encoded(indent: 2) + [UInt8(ascii: "\n")], to: path)
    }

    /// The identity to use, when `found` is what this start has found: the UID of kube-system, or nil if it could not be
    /// read. `fallback` is the identity of a node without a cluster.
    func choice(
        found: ClusterIdentity?, fallback: () throws -> ClusterIdentity
    ) rethrows -> (identity: ClusterIdentity, keptInstead: ClusterIdentity?) {
        let recorded = identity
        if let found {
            guard let recorded, recorded.value != found.value, hasSandboxes else { return (found, nil) }
            return (recorded, found)
        }
        // Without an answer, an identity of this cluster is better than one of this node.
        if let recorded, recorded.source == .kubeSystem || hasSandboxes { return (recorded, nil) }
        return (try fallback(), nil)
    }
}
