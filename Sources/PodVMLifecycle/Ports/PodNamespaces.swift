internal import LinuxIO

/// The network namespaces of this node's pods: from the kernel in the daemon, from the test in tests.
package protocol PodNamespaces: Sendable {
    /// What is at the path of a pod's network namespace now.
    func status(at path: String) -> NamespaceStatus
}

/// What is at the path of a pod's network namespace.
package enum NamespaceStatus: Hashable, Sendable {
    /// A network namespace, or an object about which nothing is known: only an open shows what it is.
    case present
    /// Nothing.
    case missing
    /// The empty file that remains after an unmount, or another object that is not a network namespace.
    case notANamespace
    /// A directory.
    case directory

    /// Whether the pod's network namespace certainly no longer exists.
    package var isGone: Bool { self != .present }
}

/// The namespaces of this node's kernel.
package struct KernelNamespaces: PodNamespaces {
    /// Has no state: each call looks at the path again.
    package init() {}

    /// A path that cannot be examined, for example without a free descriptor, is ``NamespaceStatus/present``.
    package func status(at path: String) -> NamespaceStatus {
        guard NetworkNamespace.isGone(path) else { return .present }
        if Files.isDirectory(path) { return .directory }
        return Files.exists(path) ? .notANamespace : .missing
    }
}
