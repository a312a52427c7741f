import ClusterPreflight
import Kubernetes
import LinuxIO
import Preflight
import TestSupport

/// The files of a node below a directory, as kata-deploy, kubeadm and Debian's kernel leave them.
final class NodeTree {
    let directory: TemporaryDirectory
    var options = NodeCheck.Options()

    static let kata =
        "/opt/kata/share/defaults/kata-containers/runtimes/remote/configuration-remote.toml"
    static let shim = "/opt/kata/bin/containerd-shim-kata-v2"

    /// A node on which nothing is wrong.
    init() throws {
        directory = try TemporaryDirectory()
        options.isThisMachine = false
        write("/etc/containerd/config.toml", "version = 3\nimports = ['/etc/containerd/conf.d/*.toml']\n")
        write("/etc/containerd/conf.d/kata-deploy.toml", Self.dropIn)
        write(Self.kata, Self.kataConfiguration)
        write(Self.shim, "#!/bin/sh\n")
        try Files.setPermissions(0o755, of: directory.path + Self.shim)
        write("/run/nydus-for-kata-tee/containerd-nydus-grpc.sock", "")
        write("/run/peerpod/hypervisor.sock", "")
        write(
            "/var/lib/kubelet/config.yaml",
            "kind: KubeletConfiguration\nruntimeRequestTimeout: 10m0s\n"
                + "containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n")
        write("/etc/cni/net.d/10-azure.conflist", #"{"cniVersion":"0.3.0","plugins":[{"type":"azure-vnet"}]}"#)
        write("/proc/sys/kernel/osrelease", "6.8.0-azure\n")
        write("/proc/modules", "vxlan 1 0 - Live 0x0\nnf_tables 1 0 - Live 0x0\n")
        write(
            "/lib/modules/6.8.0-azure/modules.dep",
            "kernel/net/sched/cls_u32.ko.zst:\nkernel/net/sched/cls_bpf.ko:\nkernel/net/sched/act_mirred.ko: \n"
                + "kernel/net/xfrm/xfrm_user.ko: kernel/net/xfrm/xfrm_algo.ko\n")
        write("/lib/modules/6.8.0-azure/modules.builtin", "kernel/net/sched/sch_ingress.ko\n")
        write("/proc/1/net/udp", Self.sockets(port: 68, inode: 7))
        write("/proc/42/comm", "cloud-api-adapt\n")
        write("/proc/42/cmdline", "cloud-api-adaptor\0")
        write("/proc/42/status", "Name:\tcloud-api-adapt\nCapEff:\t0000000000201000\n")
    }

    func write(_ path: String, _ text: String) {
        do {
            try Files.makeDirectories(Files.parent(of: directory.path + path))
            try DurableFile.write(Array(text.utf8), to: directory.path + path)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func remove(_ path: String) { try? Files.removeTree(directory.path + path) }

    func change(_ path: String, _ old: String, _ new: String) throws {
        let text = String(decoding: try DurableFile.read(directory.path + path, limit: 1 << 20), as: UTF8.self)
        precondition(text.contains(old), "\(path) does not contain \(old)")
        write(path, text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new))
    }

    /// The findings.
    func check(_ client: KubernetesClient? = nil) async throws -> [Finding] {
        let (options, root) = (options, directory.path)
        return try await onLoop { loop in
            await NodeCheck(options, NodeFiles(root: root), client: client, missingAccess: "no cluster", on: loop).run()
        }
    }

    /// The one finding that is not ok.
    func onlyProblem() async throws -> Finding? {
        let problems = try await check().filter { $0.verdict != .ok }
        return problems.count == 1 ? problems[0] : Finding("problems", .unknown, "\(problems)")
    }

    static func sockets(port: Int, inode: Int) -> String {
        let hex = String(port, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: 4 - hex.count) + hex
        return """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
              96: 00000000:\(padded) 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 \(inode) 2 0 0

            """
    }

    static let dropIn = """
        version = 3
        [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata-remote]
        runtime_type = "io.containerd.kata-remote.v2"
        runtime_path = "/opt/kata/bin/containerd-shim-kata-v2"
        privileged_without_host_devices = true
        pod_annotations = ["io.katacontainers.*"]
        snapshotter = "nydus-for-kata-tee"
        [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata-remote.options]
        ConfigPath = "\(kata)"
        [plugins."io.containerd.cri.v1.images"]
        disable_snapshot_annotations = false
        [proxy_plugins."nydus-for-kata-tee"]
        type = "snapshot"
        address = "/run/nydus-for-kata-tee/containerd-nydus-grpc.sock"

        """

    static let kataConfiguration = """
        [hypervisor.remote]
        remote_hypervisor_socket = "/run/peerpod/hypervisor.sock"
        remote_hypervisor_timeout = 600
        disable_guest_selinux = true
        enable_annotations = ["machine_type", "default_memory", "default_vcpus", "default_gpus", "default_gpu_model", "image", "cc_init_data"]
        [agent.kata]
        dial_timeout = 30
        [runtime]
        internetworking_model = "none"
        disable_new_netns = true
        static_sandbox_resource_mgmt = true
        disable_guest_empty_dir = false
        create_container_timeout = 60

        """
}
