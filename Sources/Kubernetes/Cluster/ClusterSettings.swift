package import Configuration
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// What an operator may set of the node and its cluster.
package struct ClusterSettings: Sendable {
    /// This node's name; empty: the host's.
    package var nodeName = ""
    /// The cluster's identity; empty: found at the start.
    package var clusterID = ""
    /// The UID of the adaptor's pod; empty: that of the token.
    package var podUID = ""
    /// Whether the API server is used.
    package var usesAPIServer = true
    /// The directory of the ServiceAccount's files.
    package var serviceAccountDirectory = ClusterAccess.directory
    /// How many pod VMs the node advertises; negative: none.
    package var podLimit = 10
    /// What is read of the pods.
    package var podDetails = PodDetailsReader.Options()

    /// The defaults.
    package init() {}

    /// The flags and variables of these settings.
    package static let settings: [Setting<ClusterSettings>] = pods + node

    private static let pods: [Setting<ClusterSettings>] = [
        Setting(
            "peerpods-limit-per-node", environment: "PEERPODS_LIMIT_PER_NODE", \.podLimit, .integer(),
            """
            How many pod VMs the node advertises to Kubernetes, as the resource kata.peerpods.io/vm. A negative number: \
            none is advertised, and the node stays as it is.
            """),
        Setting(
            "pod-details", environment: "POD_DETAILS", \.podDetails.use,
            .choice(PodDetailsReader.Use.allCases.map { ($0.rawValue, $0) }),
            """
            Whether a pod's spec and annotations at the API server count for its VM: the resources of the containers for the \
            size, and the annotation peerpod.dev/tee. use: as far as the pod can be read. require: a pod that cannot be read \
            does not start. off: only kata's request counts.
            """),
        Setting(
            "tee-runtime-classes", environment: "TEE_RUNTIME_CLASSES", \.podDetails.runtimeClasses, .tees,
            """
            The TEEs that pods of a RuntimeClass accept, as NAME=tdx, NAME=snp or NAME=tdx+snp. The names need \
            -pod-details.
            """),
        Setting(
            "pull-secrets", environment: "PULL_SECRETS", \.podDetails.readsPullSecrets, .bool,
            """
            Pass the image pull secrets of pod and ServiceAccount to the VM, for the registries of the pod's images, as \
            auth.json.
            """),
    ]

    private static let node: [Setting<ClusterSettings>] = [
        Setting(
            "node-name", environment: "NODE_NAME", \.nodeName, .string("NAME"),
            "This node's name in Kubernetes. Pod VMs are tagged with it. Without it, the host name."),
        Setting(
            "cluster-id", environment: "CLUSTER_ID", \.clusterID, .string("ID"),
            """
            An identifier that no other cluster in the resource group has, such as the UID of the namespace kube-system. \
            Pod VMs are tagged with it, and only VMs with this cluster's and this node's tags are deleted as orphans. \
            Without it, the UID of the namespace kube-system, or else a hash of /etc/machine-id. The identity of an \
            earlier start stays in use while there are sandboxes.
            """),
        Setting(
            "pod-uid", environment: "POD_UID", \.podUID, .string("UID"),
            """
            The UID of the adaptor's own pod, which identifies this adaptor on its Node. Without it, the UID in the \
            ServiceAccount's token.
            """),
        Setting(
            "kubernetes", environment: "KUBERNETES_API", \.usesAPIServer, .bool,
            """
            Use the API server of the cluster, if the adaptor runs in a pod. Pods also start without an API server and \
            without any right at it.
            """),
        Setting(
            "service-account-dir", environment: "SERVICE_ACCOUNT_DIR", \.serviceAccountDirectory, .path,
            "The directory with the files token and ca.crt, with which the adaptor uses the API server."),
    ]

    /// This node's name in its VMs' tags: the configured one, or else the host's.
    package var effectiveNodeName: String { nodeName.isEmpty ? SystemInfo.hostName : nodeName }

    /// The configured identity of the cluster; nil if there is none.
    ///
    /// - Throws: `ConfigurationError` when it is not valid.
    package func configuredIdentity() throws(ConfigurationError) -> ClusterIdentity? {
        clusterID.isEmpty ? nil : try ClusterIdentity(configured: clusterID)
    }
}

extension ValueFormat where Value == [String: Set<TEE>] {
    /// Technologies by the name of a RuntimeClass.
    fileprivate static var tees: Self {
        Self(
            placeholder: "NAME=TEE,...",
            parse: { text throws(ValueError) in
                var classes: Value = [:]
                for part in text.split(separator: ",") {
                    let sides = part.split(separator: "=", maxSplits: 1)
                    guard sides.count == 2, let tees = TEE.set(sides[1], separator: "+") else {
                        throw ValueError(expected: "NAME=tdx, NAME=snp or NAME=tdx+snp, separated by commas")
                    }
                    classes[String(sides[0].filter { $0 != " " })] = tees
                }
                return classes
            },
            show: { classes in
                classes.sorted { $0.key < $1.key }
                    .map { "\($0.key)=\($0.value.map(\.rawValue).sorted().joined(separator: "+"))" }
                    .joined(separator: ",")
            })
    }
}
