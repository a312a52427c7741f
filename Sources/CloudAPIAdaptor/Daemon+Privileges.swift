internal import PodConnection
internal import ProcessHardening
internal import Telemetry

extension Daemon {
    /// Drops the privileges that only the start needs, while this process still has one thread.
    ///
    /// - Throws: `HardeningError`.
    func dropPrivileges(using cloud: Cloud) throws {
        // The filter refuses the system calls with which this process waits for the fake Azure, its child, and ends it.
        if cloud.isFake {
            return logger.warning("Keeping all privileges, because the fake Azure is a child of this process")
        }
        let hasNetwork = if case .network = cloud.reach { true } else { false }
        try Hardening.adaptor(entersNetworks: hasNetwork, listensOnPort: configuration.probePort)
            .apply(configuration.systemCallFilter, logger: logger)
    }
}
