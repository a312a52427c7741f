package import Kubernetes
package import LinuxIO
package import Preflight
internal import Telemetry

/// Checks whether a node can run peer pods: kata, kubelet, the container runtime, the network, the kernel and the
/// adaptor's rights. It reads files of the node, and changes nothing.
package struct NodeCheck: Sendable {
    /// What the adaptor's settings and the operator say about the node.
    package struct Options: Sendable {
        /// The handler of the RuntimeClass.
        package var handler = "kata-remote"
        /// The adaptor's hypervisor socket.
        package var socket = "/run/peerpod/hypervisor.sock"
        /// The UDP port of the tunnels.
        package var vxlanPort = 4789
        /// The TCP port of the forwarder in VMs.
        package var forwarderPort = 15150
        /// The time limit of the adaptor for a VM's forwarder: `-proxy-timeout`.
        package var proxyTimeout = Duration.seconds(300)
        /// kata's configuration; empty for the one of the container runtime.
        package var kataConfiguration = ""
        /// The address of a pod's VM whose port is tried; empty for none.
        package var vmAddress = ""
        /// Whether the node's root directory is `/`, so that its namespaces are this process's.
        package var isThisMachine = true

        /// The adaptor's defaults.
        package init() {}
    }

    let options: Options
    let node: NodeFiles
    private let client: KubernetesClient?
    private let missingAccess: String
    let loop: EpollLoop

    /// A check of `node`. Without a `client`, `missingAccess` says why there is none.
    package init(
        _ options: Options, _ node: NodeFiles, client: KubernetesClient?, missingAccess: String = "",
        on loop: EpollLoop
    ) {
        self.options = options
        self.node = node
        self.client = client
        self.missingAccess = missingAccess
        self.loop = loop
    }

    /// The findings, in a fixed order.
    package func run() async -> [Finding] {
        var findings: [Finding] = []
        let kubelet = KubeletConfiguration(node)
        let (runtime, handler) = checkRuntime(kubelet)
        findings += runtime
        let kata = findKata(handler)
        findings += checkKata(kata, handler)
        findings += checkKubelet(kubelet, kata)
        findings += checkSocket()
        findings += checkNetworkPlugin()
        findings += await checkTunnelPort()
        if !options.vmAddress.isEmpty { findings.append(await checkForwarder()) }
        findings += checkKernel()
        findings.append(checkCapabilities())
        findings += await checkRights()
        return findings
    }

    /// The configuration files that the check reads, as far as they exist.
    package func configurationFiles() -> [String] {
        let kubelet = KubeletConfiguration(node)
        let (_, handler) = checkRuntime(kubelet)
        var files = kubelet.files
        if let place = ContainerdConfiguration.places.first(where: node.exists) {
            files += ContainerdConfiguration(place, node).files.map(\.path)
        }
        files += CRIOConfiguration(node).files
        if let kata = findKata(handler) { files += [kata.path] + kata.fragments }
        files += node.names(in: "/etc/cni/net.d").filter { $0.contains(".conf") }.map { "/etc/cni/net.d/\($0)" }
        return files
    }

    private func checkRights() async -> [Finding] {
        guard let client else {
            return [
                Finding(
                    "rights", .ok, "not checked: \(missingAccess)",
                    advice: "run this command in the adaptor's pod, or peerpodctl check cluster on a machine with a "
                        + "kubeconfig, to check the adaptor's rights")
            ]
        }
        return await RightsCheck(client).ownRights()
    }
}
