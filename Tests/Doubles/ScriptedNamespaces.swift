internal import LinuxIO
package import PodVMLifecycle

/// The network namespaces of a node, which exist at every path until a test removes them.
package final class ScriptedNamespaces: PodNamespaces {
    private let others = Lock<[String: NamespaceStatus]>([:])

    package init() {}

    /// Says what is at a path from now on.
    package func set(_ status: NamespaceStatus, at path: String) { others.withLock { $0[path] = status } }

    package func status(at path: String) -> NamespaceStatus { others.withLock { $0[path] } ?? .present }
}
