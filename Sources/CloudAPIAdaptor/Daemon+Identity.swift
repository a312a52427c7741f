internal import Configuration
internal import Telemetry

extension Daemon {
    /// The identity for the tags of this node's VMs, which is recorded before the first VM can have it.
    ///
    /// - Throws: `ConfigurationError` when there is no identity at all.
    func clusterIdentity(_ kubernetes: ClusterConnection) async throws -> ClusterIdentity {
        let record = IdentityRecord(podsDirectory: configuration.podsDirectory)
        if let cluster { return cluster }
        let found = await kubernetes.clusterUID().map { ClusterIdentity($0, from: .kubeSystem) }
        let (identity, other) = try record.choice(found: found) { try ClusterIdentity(configured: "") }
        if let other {
            logger.warning(
                """
                Sandboxes exist under another identity of the cluster, which stays in use until an adaptor starts \
                without sandboxes
                """, [LogField("used", identity.value), LogField("found", other.value)])
        }
        note(identity, in: record)
        return identity
    }

    private func note(_ identity: ClusterIdentity, in record: IdentityRecord) {
        if record.identity == identity { return }
        do {
            try record.write(identity)
        } catch {
            logger.warning(
                "The cluster's identity could not be recorded; if the next start finds another one, it does not find "
                    + "the VMs of this one", [LogField("error", error)])
        }
    }
}
