import ClusterPreflight
import LinuxIO
import Preflight
import TestSupport
import Testing

@Suite("The check of a node's kubelet, network and kernel")
struct NodeLimitsTests {
    @Test("warns of kubelet's default time limit, and computes that of RunPodSandbox")
    func defaultTimeout() async throws {
        let node = try NodeTree()
        try node.change("/var/lib/kubelet/config.yaml", "runtimeRequestTimeout: 10m0s\n", "")
        let finding = try #require(try await node.onlyProblem())
        #expect(finding.verdict == .warning)
        #expect(finding.text.contains("is 2m (kubelet's default): RunPodSandbox may take 4m, CreateContainer 2m"))
        #expect(finding.text.contains("before the adaptor's -proxy-timeout of 5m"))
        #expect(finding.advice.contains("runtimeRequestTimeout: 10m"))
    }

    @Test("a flag of kubelet's environment file overrides its configuration")
    func flag() async throws {
        let node = try NodeTree()
        node.write("/var/lib/kubelet/kubeadm-flags.env", #"KUBELET_KUBEADM_ARGS="--v=2 --runtime-request-timeout=1m""#)
        #expect(try await node.onlyProblem()?.text.contains("is 1m (the flag") == true)
    }

    @Test("the command line of the running kubelet names its configuration")
    func process() async throws {
        let node = try NodeTree()
        node.write("/proc/7/comm", "kubelet\n")
        node.write("/proc/7/cmdline", "/usr/bin/kubelet\0--config\0/etc/k.yaml\0")
        node.write("/etc/k.yaml", "kind: KubeletConfiguration\nruntimeRequestTimeout: 3m\n")
        #expect(try await node.onlyProblem()?.text.contains("is 3m (/etc/k.yaml)") == true)
        node.write("/etc/k.yaml", "kind: KubeletConfiguration\nruntimeRequestTimeout: soon\n")
        let texts = try await node.check().filter { $0.verdict != .ok }.map(\.text)
        #expect(texts.first?.contains("is not a duration") == true)
    }

    @Test("says when kata's limit for a container is longer than kubelet's")
    func containerTimeout() async throws {
        let node = try NodeTree()
        try node.change(NodeTree.kata, "create_container_timeout = 60", "create_container_timeout = 900")
        #expect(try await node.onlyProblem()?.text.contains("create_container_timeout of 15m has no effect") == true)
    }

    @Test(
        "warns of network plugins that use the tunnels' port",
        arguments: [
            ("cilium-cni", 8472, true), ("cilium-cni", 4789, false), ("calico", 4789, true), ("flannel", 4789, false),
        ])
    func plugins(type: String, port: Int, isConflict: Bool) async throws {
        let node = try NodeTree()
        node.write("/etc/cni/net.d/05-x.conflist", #"{"plugins":[{"type":"\#(type)"},{"type":"portmap"}]}"#)
        node.options.vxlanPort = port
        let finding = try await node.check().first { $0.subject == "network" }
        #expect((finding?.verdict == .warning) == isConflict)
    }

    @Test("finds a program on the tunnels' UDP port, but not the kernel's own socket")
    func program() async throws {
        let node = try NodeTree()
        node.write("/proc/1/net/udp", NodeTree.sockets(port: 4789, inode: 99))
        #expect(try await node.onlyProblem()?.subject == "VXLAN port")
        node.write("/proc/1/net/udp", NodeTree.sockets(port: 4789, inode: 0))
        #expect(try await node.onlyProblem()?.text == "[]")
    }

    @Test("tells missing modules from those that it cannot know")
    func modules() async throws {
        let node = try NodeTree()
        node.write("/proc/modules", "nf_tables 1 0 - Live 0x0\n")
        let missing = try #require(try await node.onlyProblem())
        #expect(missing.verdict == .failed && missing.text.contains("no module vxlan"))
        node.remove("/lib/modules")
        let unclear = try #require(try await node.onlyProblem())
        #expect(unclear.verdict == .unknown && unclear.text.contains("vxlan, sch_ingress"))
    }

    @Test("names the capabilities that the adaptor's process lacks")
    func capabilities() async throws {
        let node = try NodeTree()
        node.write("/proc/42/status", "CapEff:\t0000000000001000\n")
        #expect(try await node.onlyProblem()?.text == "the adaptor (process 42) lacks SYS_ADMIN")
    }

    @Test("takes the adaptor by its name in the chart's pods, and neither the gateway nor a script for the adaptor")
    func adaptorOfTheChart() async throws {
        let node = try NodeTree()
        let status = "CapEff:\t0000000000000000\n"
        node.write("/proc/41/comm", "cloud-api-adapt\n")
        node.write("/proc/41/cmdline", "/usr/local/bin/cloud-api-adaptor\0gateway\0")
        node.write("/proc/41/status", status)
        node.write("/proc/40/comm", "entrypoint.sh\n")
        node.write("/proc/40/cmdline", "/bin/sh\0/entrypoint.sh\0")
        node.write("/proc/40/status", status)
        #expect(try await node.onlyProblem()?.text == "[]")
        node.write("/proc/42/comm", "entrypoint.sh\n")
        node.write("/proc/42/cmdline", "/usr/local/bin/entrypoint.sh\0")
        #expect(try await node.onlyProblem()?.text == "[]")
        node.write("/proc/42/status", status)
        #expect(try await node.onlyProblem()?.text == "the adaptor (process 42) lacks NET_ADMIN and SYS_ADMIN")
    }

    @Test("finds out that the shim's program is not the one that its configuration is for")
    func flavour() async throws {
        let node = try NodeTree()
        // The beginning of an ELF file with the note that Go's linker writes.
        let note: [UInt8] = [4, 0, 0, 0, 83, 0, 0, 0, 4, 0, 0, 0, 0x47, 0x6F, 0, 0]
        let elf: [UInt8] = [0x7F, 0x45, 0x4C, 0x46] + [UInt8](repeating: 0, count: 400)
        try DurableFile.write(elf + note, to: node.directory.path + NodeTree.shim, mode: 0o755)
        #expect(try await node.onlyProblem()?.text == "[]")
        try DurableFile.write(elf, to: node.directory.path + NodeTree.shim, mode: 0o755)
        #expect(try await node.onlyProblem()?.text.contains("is the Rust (runtime-rs) shim, but") == true)
    }

    private static let go = "/usr/bin/go"

    @Test(
        "knows a program of Go's own linker",
        .enabled(if: Files.isExecutable(Self.go), "needs Debian's golang-go"))
    func goProgram() async throws {
        let node = try NodeTree()
        // The program go is made by itself.
        let program = try Files.resolve(Self.go)
        let bytes = try RandomAccessFile(program).read(64 << 10, at: 0)
        try DurableFile.write(bytes, to: node.directory.path + NodeTree.shim, mode: 0o755)
        #expect(try await node.onlyProblem()?.text == "[]")
        try node.change(NodeTree.kata, "[runtime]", "[runtime]\nagent_name = \"kata\"")
        try node.change(NodeTree.kata, "disable_new_netns = true", "disable_new_netns = false")
        #expect(try await node.onlyProblem()?.text.contains("is the Go shim, but") == true)
    }

    @Test("dials a VM's forwarder, and says that a connection is refused")
    func refusedForwarder() async throws {
        let tree = try NodeTree()
        // Nothing listens on this port.
        (tree.options.vmAddress, tree.options.forwarderPort) = ("127.0.0.1", 1)
        let finding = try await tree.check().first { $0.subject == "forwarder" }
        #expect(finding?.verdict == .failed, "\(String(describing: finding))")
        #expect(finding?.text.contains("refuses connections") == true, "\(String(describing: finding))")
    }

    @Test("dials a VM's forwarder, and finds that a process listens")
    func forwarder() async throws {
        try await onLoop { loop in
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            guard case .tcp(_, let port) = listener.address else { return }
            let tree = try NodeTree()
            tree.options.vmAddress = "127.0.0.1"
            tree.options.forwarderPort = Int(port)
            #expect(try await tree.check().contains { $0.subject == "forwarder" && $0.verdict == .ok })
        }
    }
}
