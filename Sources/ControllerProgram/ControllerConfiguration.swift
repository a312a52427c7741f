internal import AzureProvider
internal import Configuration
internal import Controller
internal import Kubernetes
internal import LinuxIO
internal import ProcessHardening
internal import Telemetry

/// `cloud-api-adaptor controller`: the settings of the cluster's controller, and those of the cloud.
///
/// A setting that the adaptor has too has the same name and variable, so that both read the same ConfigMap.
struct ControllerConfiguration: Sendable {
    var azure = AzureOptions()
    var clusterID = ""
    var serviceAccountDirectory = ClusterAccess.directory
    var nodeName = ""
    var namespace = ""
    var lease = "cloud-api-adaptor-controller"
    var timing = LeaseCandidate.Timing()
    var collection = OrphanCollector.Options()
    var listen = "0.0.0.0:8080"
    var webhook = WebhookSettings()
    var systemCallFilter = SystemCallFilter.Mode.enforce
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    static let command = Command(
        "cloud-api-adaptor controller", summary: "delete the VMs of nodes, pods and namespaces that are gone",
        details: """
            Runs once in a cluster, in two or more replicas; a Lease decides which replica acts. It compares the VMs of the \
            resource group with the cluster's nodes, namespaces, pods and PeerPods. It deletes a VM of this cluster, with its \
            interface, disk and address, when its node or its pod's namespace does not exist, and the VM of a PeerPod whose \
            pod does not exist, also of those that the Go adaptor wrote. It acts only after two complete sightings that are \
            the grace time apart, and never on VMs of another cluster.

            It serves /healthz, /readyz, /metrics and /orphans, the list of what it will delete and why.

            With -webhook it also serves the mutation of pods, for API servers without MutatingAdmissionPolicy.

            It needs its own rights at the API server and in Azure, and none on a node: see docs/kubernetes.md.
            """,
        defaults: ControllerConfiguration(),
        sections: [
            .init("Flags", settings),
            .init("Flags of the webhook", WebhookSettings.settings.map { $0.within(\.webhook) }),
            .init("Flags of Azure", AzureOptions.settings.map { $0.within(\.azure) }),
        ])

    private static let settings: [Setting<ControllerConfiguration>] = [
        Setting(
            "cluster-id", environment: "CLUSTER_ID", \.clusterID, .string("ID"),
            """
            The identity in the tags of this cluster's VMs. The adaptors have the same one, and no other cluster in the \
            resource group may have it. Without it, the UID of the namespace kube-system.
            """),
        Setting(
            "service-account-dir", environment: "SERVICE_ACCOUNT_DIR", \.serviceAccountDirectory, .path,
            "The directory with the files token and ca.crt, with which the controller uses the API server."),
        Setting(
            "node-name", environment: "NODE_NAME", \.nodeName, .string("NAME"),
            """
            The node on which the controller runs. A list of nodes without it is not believed. Without the setting, the node \
            in the ServiceAccount's token.
            """),
        Setting(
            "namespace", environment: "POD_NAMESPACE", \.namespace, .string("NAME"),
            "The namespace of the Lease. Without it, the namespace in the ServiceAccount's token."),
        Setting("lease", environment: "CONTROLLER_LEASE", \.lease, .string("NAME"), "The name of the Lease."),
        Setting(
            "lease-duration", environment: "CONTROLLER_LEASE_DURATION", \.timing.leaseDuration,
            .duration(in: .seconds(1) ... .seconds(3600)),
            "How long the Lease must not change before another replica takes it. Whole seconds."),
        Setting(
            "renew-deadline", environment: "CONTROLLER_RENEW_DEADLINE", \.timing.renewDeadline,
            .duration(in: .milliseconds(100) ... .seconds(3600)),
            "How long the leader acts without a successful renewal. Shorter than the lease duration."),
        Setting(
            "retry-period", environment: "CONTROLLER_RETRY_PERIOD", \.timing.retryPeriod,
            .duration(in: .milliseconds(10) ... .seconds(600)),
            "The pause between two tries to take or renew the Lease."),
        Setting(
            "orphan-grace-time", environment: "ORPHAN_GRACE_TIME", \.collection.graceTime,
            .duration(in: .milliseconds(100) ... .seconds(30 * 86_400)),
            "How long something must be an orphan before it is deleted."),
        Setting(
            "sweep-interval", environment: "CONTROLLER_SWEEP_INTERVAL", \.collection.interval,
            .duration(in: .milliseconds(100) ... .seconds(86_400)),
            "The pause between two comparisons of cloud and cluster; at most the grace time."),
        Setting(
            "deletions-at-once", environment: "DELETIONS_AT_ONCE", \.collection.deletionsAtOnce, .integer(in: 1...1000),
            "How many orphans are deleted at the same time. The others wait."),
        Setting(
            "listen", environment: "CONTROLLER_LISTEN", \.listen, .string("ADDRESS:PORT"),
            "The address of /healthz, /readyz, /metrics and /orphans."),
        .systemCallFilter(\.systemCallFilter), .logLevel(\.logLevel), .logFormat(\.logFormat),
    ]

    /// The problems that keep the controller from starting, a sentence each.
    var problems: [String] {
        let election = timing.problem.map { ["-lease-duration, -renew-deadline, -retry-period: \($0)"] } ?? []
        let identity =
            clusterID.isEmpty || ClusterIdentity.isValid(clusterID)
            ? [] : ["-cluster-id (CLUSTER_ID): the value must have printable ASCII characters without spaces"]
        return azure.problems + election + identity + webhook.problems
    }
}
