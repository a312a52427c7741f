package import LinuxIO

extension LocalMachines {
    /// Where a machine that is a host looks for its metadata service: in its own network, on an address that no other
    /// network namespace inside of it has.
    package func metadataListener(of name: String) throws -> Listener? {
        if let listener = state.withLock({ $0.metadata.removeValue(forKey: name) }) { return listener }
        // Of an earlier process's machine.
        let directory = directoryOf(name)
        guard directory.machine?.kind == .host, let first = MachinePower(of: directory).firstProcess else { return nil }
        let namespace = try NetworkNamespace(opening: "/proc/\(first)/ns/net")
        return try Listener.listen(on: HostBridge.metadata, loop: loop, in: namespace)
    }
}
