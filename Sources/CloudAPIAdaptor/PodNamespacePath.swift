internal import LinuxIO
internal import PodVMLifecycle

/// Where a pod's network namespace is, as kata names it.
enum PodNamespacePath {
    /// Throws ``ConnectorError`` (`invalid request`) if `path` cannot be one; an empty path is none, and right.
    static func check(_ path: String) throws(ConnectorError) {
        func refuse(_ reason: String) -> ConnectorError {
            ConnectorError(
                .invalidRequest,
                """
                The pod's network namespace \(String(reflecting: path)) \(reason). It comes from containerd or CRI-O, \
                by way of kata's shim; the adaptor must see the node's /run/netns (mount propagation HostToContainer).
                """
            )
        }
        if path.isEmpty { return }
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw refuse("is no absolute path") }
        guard path.utf8.count < 4096 else { throw refuse("is longer than a path can be") }
        guard Files.exists(path) else { throw refuse("is not there") }
        guard !Files.isDirectory(path) else { throw refuse("is a directory") }
    }
}
