internal import LinuxIO

/// The namespaces in which a container's processes start; nil: the stand-in's.
struct ProcessNamespaces: Sendable, CustomStringConvertible {
    /// The path of its network namespace.
    var network: String?
    var mounts: MountNamespace?
    /// Runs the processes in further namespaces; nil: the stand-in starts them itself.
    var runtime: RuntimeContainer?

    /// Runs `body` in the mount namespace of the container.
    func look<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        if let mounts { try mounts.run(body) } else { body() }
    }

    /// A text for the log.
    var description: String {
        if runtime != nil { return "by crun, with \(network.map { "the network at \($0)" } ?? "the VM's network")" }
        let own = [mounts == nil ? nil : "mounts of its own", network.map { "the network at \($0)" }].compactMap(\.self)
        return own.isEmpty ? "no namespaces" : own.joined(separator: ", ") + " and no other namespaces"
    }
}
