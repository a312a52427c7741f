internal import AzureProvider
internal import Configuration
internal import Telemetry

/// The adaptor's environment in a support bundle: values only of variables that are known to have no secret.
enum SupportEnvironment {
    /// The adaptor's variables without those of Azure. `INITDATA` belongs to the workload.
    private static let ownVariables: Set<String> = [
        "ABANDONED_SANDBOX_TIMEOUT", "ALLOW_PODS_WITHOUT_NETWORK", "CACERT_FILE", "CERT_FILE", "CERT_KEY",
        "CHECK_INITDATA",
        "CLOUD_CONFIG_VERIFY",
        "CLOUD_PROVIDER", "CLUSTER_ID", "CONFIG_FILE", "DELETIONS_AT_ONCE", "DRAIN", "ENABLE_SCRATCH_SPACE",
        "EXTERNAL_NETWORK_VIA_PODVM", "FORWARDER_PORT", "GATEWAY", "GATEWAY_SOCKET", "GATEWAY_TAKE_OVER",
        "KUBERNETES_API",
        "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "NODE_NAME", "ORPHAN_GRACE_TIME", "PAUSE_IMAGE",
        "PEERPODS_LIMIT_PER_NODE", "PODS_DIR", "POD_DETAILS", "POD_NAMESPACE", "POD_SUBNET_CIDRS", "POD_UID",
        "PROBE_PORT",
        "PROXY_TIMEOUT", "PULL_SECRETS", "REMOTE_HYPERVISOR_ENDPOINT", "SERVICE_ACCOUNT_DIR", "STANDBY",
        "TEE_RUNTIME_CLASSES",
        "TLS_CIPHER_SUITES", "TLS_MIN_VERSION", "TLS_SKIP_VERIFY", "TUNNEL_TYPE", "VXLAN_PORT", "LOG_LEVEL",
        "LOG_FORMAT",
    ]

    private static let shown = ownVariables.union(
        AzureOptions.settings.filter { !$0.isSecret }.compactMap(\.environment))

    /// The variables of a process, from the content of /proc/PID/environ.
    static func variables(_ content: String) -> [(name: String, value: String)] {
        content.split(separator: "\0").compactMap { entry in
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }.sorted { $0.name < $1.name }
    }

    /// A line for each variable.
    static func text(_ variables: [(name: String, value: String)]) -> String {
        variables.map { name, value in
            "\(name)=\(shown.contains(name) ? value.printable() : "‹not shown›")\n"
        }.joined()
    }

    /// The values that are not shown, which may be secrets.
    static func hidden(_ variables: [(name: String, value: String)]) -> [String] {
        variables.filter { name, value in
            // Paths, such as that of HOME or PATH, are in many texts.
            !shown.contains(name) && !value.hasPrefix("/") && value.utf8.count >= 12
        }.map(\.value)
    }

    /// The files whose content is secret.
    static func secretFiles(_ variables: [(name: String, value: String)]) -> [String] {
        let names: Set = ["CERT_KEY", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"]
        return variables.filter { names.contains($0.name) && $0.value.hasPrefix("/") }.map(\.value)
    }
}
