internal import LinuxIO
package import Telemetry

/// What this process does with the API server, and what it cannot do for lack of a right or of a server.
///
/// Everything here is optional for a pod's start. What does not work is in the log once, in a metric, and in the answer
/// of `/startup`.
package final class ClusterFeatures: Sendable {
    /// What needs the API server. The raw value is the label of the metric.
    package enum Feature: String, Hashable, Sendable, CaseIterable {
        /// The node's extended resource and its owner.
        case nodeResource = "node-resource"
        /// The identity of the cluster.
        case clusterIdentity = "cluster-identity"
        /// The pods' events.
        case events
        /// The PeerPod objects.
        case peerPods = "peerpods"
        /// The pods' sizes, required technologies and images.
        case podDetails = "pod-details"
        /// The credentials of the pods' image registries.
        case pullSecrets = "pull-secrets"

        /// The rights that it needs, as they stand in a Role.
        var rights: String {
            switch self {
            case .nodeResource: "nodes/status: patch; nodes: get, list, watch"
            case .clusterIdentity: "namespaces: get (kube-system)"
            case .events: "events.k8s.io/events: create, patch; pods: get"
            case .peerPods: "confidentialcontainers.org/peerpods: create, patch; pods: get"
            case .podDetails: "pods: get"
            case .pullSecrets: "secrets, serviceaccounts: get"
            }
        }
    }

    private let logger: Logger
    private let works: Gauge
    private let failures = Lock([Feature: KubernetesError]())

    /// Features of which nothing is known yet.
    package init(logger: Logger = .silent, metrics: Metrics = Metrics()) {
        self.logger = logger
        works = metrics.gauge(
            "peerpods_kubernetes_feature",
            "What the adaptor does with the Kubernetes API server: 1 if it works, 0 if a right or the server is missing.",
            labels: ["feature"])
    }

    /// Says that a feature works.
    package func succeeded(_ feature: Feature) {
        works.set(1, feature.rawValue)
        let was = failures.withLock { $0.removeValue(forKey: feature) }
        if was != nil { logger.info("Works with the API server again", [LogField("feature", feature.rawValue)]) }
    }

    /// Says that a feature does not work now.
    package func failed(_ feature: Feature, _ error: KubernetesError) {
        if error.kind == .cancelled { return }
        works.set(0, feature.rawValue)
        let last = failures.withLock { $0.updateValue(error, forKey: feature) }
        guard last?.kind != error.kind else { return }
        logger.warning(
            "Cannot use the API server; pods start without it",
            [
                LogField("feature", feature.rawValue), LogField("error", error),
                LogField("rights", feature.rights),
            ])
    }

    /// What does not work, a line each, in a fixed order.
    package var missing: [String] {
        let failures = failures.withLock { $0 }
        return Feature.allCases.compactMap { feature in
            failures[feature].map { "\(feature.rawValue): \($0) (needs \(feature.rights))" }
        }
    }
}
