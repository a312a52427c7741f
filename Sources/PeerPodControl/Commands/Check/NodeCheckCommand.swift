internal import ClusterPreflight
internal import Configuration
internal import HTTPTransport
internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle

/// The values of the flags of `peerpodctl check node`.
struct NodeCheckOptions: Sendable {
    var root = "/"
    var node = NodeCheck.Options()
    var isJSON = false
    var cluster = ClusterOptions()

    static let command = Command(
        "peerpodctl check node", summary: "check whether this node can run peer pods, without changing anything",
        details: """
            Reads the configuration of kata, kubelet, containerd or CRI-O and the network plugin, the kernel's modules and the \
            adaptor's capabilities. In the adaptor's pod it also asks the API server for the adaptor's rights. Run it as root \
            on the node, or in a pod with the node's root directory mounted: peerpodctl check node -root /host. The exit status \
            is 0 when pods can start, 1 when something prevents it, and 3 when nothing is known to prevent it but some checks \
            had no answer.
            """,
        defaults: NodeCheckOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("root", \.root, .path, "The directory at which the node's root directory is mounted."),
                    Setting(
                        "handler", \.node.handler, .string("NAME"), "The handler of the RuntimeClass."),
                    Setting(
                        "kata-config", \.node.kataConfiguration, .path,
                        "kata's configuration-remote.toml, instead of the one that the container runtime names."),
                    Setting(
                        "vm", \.node.vmAddress, .string("ADDRESS"),
                        "The numeric address of a pod's VM: whether this machine reaches its forwarder is checked, too."
                    ),
                    Setting("json", \.isJSON, .bool, "Write a JSON object instead of text."),
                ]),
            .init(
                "Flags of the adaptor",
                [
                    HypervisorOptions.socket(\.node.socket),
                    Setting(
                        "vxlan-port", environment: "VXLAN_PORT", \.node.vxlanPort, .integer(in: 1...65535),
                        "The UDP port of the tunnels' packets."),
                    Setting(
                        "forwarder-port", environment: "FORWARDER_PORT", \.node.forwarderPort, .integer(in: 1...65535),
                        "The TCP port of agent-protocol-forwarder in the pod VMs."),
                    Setting(
                        "proxy-timeout", environment: "PROXY_TIMEOUT", \.node.proxyTimeout,
                        .duration(in: .seconds(1) ... .seconds(86_400)),
                        "The adaptor's time limit for the forwarder of a new VM."),
                ]),
            .init("Flags for the API server", ClusterOptions.settings.map { $0.within(\.cluster) }),
        ])
}

/// `peerpodctl check node`, after its flags have been read.
struct NodeCheckCommand: Sendable {
    let options: NodeCheckOptions
    let environment: [String: String]
    let output: Program.Output

    /// Checks the node, prints the findings, and returns the exit status.
    func run() throws(ConfigurationError) -> Int32 {
        guard Files.isDirectory(options.root) else {
            throw ConfigurationError("-root: there is no directory \(options.root)")
        }
        var access: ClusterAccess?
        var missing = "this process does not run in a pod of the cluster"
        let isInPod = !(environment["KUBERNETES_SERVICE_HOST"] ?? "").isEmpty
        if isInPod || options.cluster.namesKubeconfig(environment) {
            do throws(ConfigurationError) {
                access = try options.cluster.access(environment)
            } catch {
                // What was asked for must work; a pod without a token is only a missing part.
                if !isInPod { throw error }
                missing = "\(error)"
            }
        }
        var node = options.node
        node.isThisMachine = options.root == "/"
        let frame = CheckRun(command: "peerpodctl check node", isJSON: options.isJSON, output: output)
        return frame.run(access?.clientOptions(environment) ?? HTTPClient.Options()) {
            [node, access, missing] loop, http, logger in
            var client: KubernetesClient?
            if let access {
                client = KubernetesClient(access, sender: http, clock: LoopClock(loop: loop), logger: logger)
            }
            let check = NodeCheck(
                node, NodeFiles(root: options.root), client: client, missingAccess: missing, on: loop)
            return await check.run()
        }
    }
}
