internal import Configuration
internal import Kubernetes
internal import PodConnection
internal import PodVMLifecycle
internal import ProcessHardening
internal import Telemetry

/// What an operator may set, whichever cloud it is.
///
/// Names, variables and defaults are the Go adaptor's, so that its deployments work unchanged.
struct AdaptorConfiguration: Sendable {
    var settingsFile = ""
    var drainTime = Duration.zero
    var socketPath = "/run/peerpod/hypervisor.sock"
    var gateway = GatewayPlace.inProcess
    var podsDirectory = "/run/peerpod/pods"
    var proxyTimeout = Duration.seconds(300)
    var connection = PodConnectionSettings()
    var podLimit = 10
    var podDetails = PodDetailsReader.Options()
    var verifiesCloudConfiguration = false
    var pauseImage = ""
    var nodeName = ""
    var podUID = ""
    var usesKubernetes = true
    var serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"
    var clusterID = ""
    var orphanGraceTime = Duration.seconds(600)
    var abandonedTimeout = Duration.seconds(60)
    var deletionsAtOnce = 16
    var standsBy = true
    var probePort = 8000
    var systemCallFilter = SystemCallFilter.Mode.enforce
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    static let settings: [Setting<AdaptorConfiguration>] =
        service + PodConnectionSettings.settings.map { $0.within(\.connection) } + pods + node

    private static let service: [Setting<AdaptorConfiguration>] = [
        Setting(
            "config", environment: "CONFIG_FILE", \.settingsFile, .path,
            """
            A file of lines NAME=VALUE, or a directory with a file for each variable, such as a mounted ConfigMap. Its \
            variables override those of the environment. SIGHUP reads it again: new VMs get the changed settings of \
            Azure and the changed -proxy-timeout, running VMs keep theirs.
            """),
        Setting(
            "drain", environment: "DRAIN", \.drainTime, .duration(in: .zero ... .seconds(86_400)),
            """
            At SIGTERM, wait for running deletions of VMs up to this time. Deletions that still run then stay on record \
            for the next process. Give Kubernetes a longer terminationGracePeriodSeconds.
            """),
        Setting(
            "socket", environment: "REMOTE_HYPERVISOR_ENDPOINT", \.socketPath, .path,
            "The unix socket that kata's shims connect to."),
        Setting(
            "gateway", environment: "GATEWAY", \.gateway, GatewayPlace.format,
            """
            Where the gateway runs, which holds the shims' connections. in-process: in the adaptor, and the connections \
            end with the adaptor. A path: the control socket of "cloud-api-adaptor gateway", which keeps the connections \
            while the adaptor restarts; -socket then has no effect here.
            """),
        Setting(
            "pods-dir", environment: "PODS_DIR", \.podsDirectory, .path,
            """
            The directory for sandboxes. Each has a directory of its own there, with its record, its keys and its agent \
            socket. Put it on tmpfs, because it holds keys.
            """),
        Setting(
            "proxy-timeout", environment: "PROXY_TIMEOUT", \.proxyTimeout,
            .duration(in: .milliseconds(1) ... .seconds(86_400)),
            "The timeout for the first answer of a pod VM's agent, from when the VM has an address."),
    ]

    private static let pods: [Setting<AdaptorConfiguration>] = [
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
        Setting(
            "cloud-config-verify", environment: "CLOUD_CONFIG_VERIFY", \.verifiesCloudConfiguration, .bool,
            "Check the cloud's configuration at the start, and exit if no pod could start."),
        Setting(
            "pause-image", environment: "PAUSE_IMAGE", \.pauseImage, .string("IMAGE"),
            "Accepted for compatibility, without effect."),
    ]

    private static let node: [Setting<AdaptorConfiguration>] = [
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
            "kubernetes", environment: "KUBERNETES_API", \.usesKubernetes, .bool,
            """
            Use the API server of the cluster, if the adaptor runs in a pod. Pods also start without an API server and \
            without any right at it.
            """),
        Setting(
            "service-account-dir", environment: "SERVICE_ACCOUNT_DIR", \.serviceAccountDirectory, .path,
            "The directory with the files token and ca.crt, with which the adaptor uses the API server."),
        Setting(
            "orphan-grace-time", environment: "ORPHAN_GRACE_TIME", \.orphanGraceTime,
            .duration(in: .milliseconds(100) ... .seconds(30 * 86_400)),
            "How long a VM with this node's tags must have no sandbox on record before it is deleted."),
        Setting(
            "abandoned-sandbox-timeout", environment: "ABANDONED_SANDBOX_TIMEOUT", \.abandonedTimeout,
            .duration(in: .zero ... .seconds(86_400)),
            """
            A sandbox is stopped and its VM deleted when for this long its network namespace is gone and its agent \
            socket has no connection. At most 10s for sandboxes from before a restart. 0s: never.
            """),
        Setting(
            "standby", environment: "STANDBY", \.standsBy, .bool,
            """
            While another adaptor uses the pods directory, wait for its end and then take over; the probes succeed \
            meanwhile. Without it, exit with an error. An upgrade that starts the new adaptor before it stops the old \
            one needs it.
            """),
        Setting(
            "deletions-at-once", environment: "DELETIONS_AT_ONCE", \.deletionsAtOnce, .integer(in: 1...1000),
            "How many VMs are deleted at the same time. The others wait."),
        Setting(
            "probe-port", environment: "PROBE_PORT", \.probePort, .integer(in: 0...65535),
            "The port of /startup, /healthz and /metrics on 127.0.0.1. 0: any free port."),
        .systemCallFilter(\.systemCallFilter), .logLevel(\.logLevel), .logFormat(\.logFormat),
    ]

    /// Settings that are allowed but probably not intended, as a sentence each.
    var warnings: [String] {
        connection.warnings + (pauseImage.isEmpty ? [] : ["-pause-image has no effect"])
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
