package import LinuxIO

extension LocalMachines {
    /// The listener for a host's metadata service: in the host's network, on an address that no other network
    /// namespace inside the host has.
    package func metadataListener(of name: String) throws -> Listener? {
        if let listener = state.withLock({ $0.metadata.removeValue(forKey: name) }) { return listener }
        // The machine was created by an earlier process.
        let directory = directoryOf(name)
        guard directory.machine?.kind == .host, let first = MachinePower(of: directory).firstProcess else { return nil }
        let namespace = try NetworkNamespace(opening: "/proc/\(first)/ns/net")
        return try Listener.listen(on: HostBridge.metadata, loop: loop, in: namespace)
    }
}
