internal import LinuxIO

/// The namespaces that a container's processes start in; nil: the stand-in's own.
struct ProcessPlace: Sendable, CustomStringConvertible {
    /// The path of its network namespace.
    var network: String?
    var mounts: MountNamespace?

    /// Runs `body` where a process of the container would look for its files.
    func look<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        if let mounts { try mounts.run(body) } else { body() }
    }

    /// For the log.
    var description: String {
        let own = [mounts == nil ? nil : "mounts of its own", network.map { "the network at \($0)" }].compactMap(\.self)
        return own.isEmpty ? "no namespaces" : own.joined(separator: ", ") + " and no other namespaces"
    }
}
