package import LinuxIO

/// A path that leads to a network namespace in every process, as a CNI plugin makes one; gone with this object.
///
/// A daemon that has dropped its privileges does not follow /proc/PID/fd of another process.
package final class NamespaceMount: Sendable {
    package let path: String
    private let directory: String

    package init(of namespace: NetworkNamespace) throws {
        directory = try Files.makeTemporaryDirectory(prefix: "/tmp/netns-")
        path = directory + "/ns"
        try namespace.mount(at: path)
    }

    deinit {
        try? NetworkNamespace.unmount(path)
        try? Files.removeTree(directory)
    }
}
