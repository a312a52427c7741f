import ClusterPreflight
import Glibc
import LinuxIO
import Preflight
import TestSupport
import Testing

@Suite("The check of a node")
struct NodeCheckTests {
    @Test("finds nothing wrong on a node of kata-deploy, kubeadm and containerd 2")
    func good() async throws {
        let findings = try await NodeTree().check()
        #expect(findings.filter { $0.verdict != .ok } == [])
        let subjects = Set(findings.map(\.subject))
        #expect(
            subjects == [
                "runtime", "shim", "annotations", "images", "kata", "kata socket", "kata network", "kata timeouts",
                "kubelet",
                "adaptor", "network", "VXLAN port", "kernel", "capabilities", "rights",
            ])
    }

    @Test(
        "finds the handler in the tables of containerd's versions 1 and 2, in the main file and in imported ones",
        arguments: [(1, "cri"), (2, "io.containerd.grpc.v1.cri"), (3, "io.containerd.cri.v1.runtime")])
    func versions(version: Int, plugin: String) async throws {
        let node = try NodeTree()
        node.write(
            "/etc/containerd/config.toml",
            (version == 1 ? "" : "version = \(version)\n") + "imports = ['more/*.toml']\n")
        node.remove("/etc/containerd/conf.d")
        var text = NodeTree.dropIn
        text = text.split(separator: "io.containerd.cri.v1.runtime", omittingEmptySubsequences: false)
            .joined(separator: plugin)
        if version < 3 {
            text = text.split(
                separator: #"[plugins."io.containerd.cri.v1.images"]"#, omittingEmptySubsequences: false
            ).joined(separator: "[plugins.\"\(plugin)\".containerd]")
        }
        text = text.split(separator: "version = 3\n", omittingEmptySubsequences: false).joined()
        node.write("/etc/containerd/more/kata.toml", text)
        #expect(try await node.check().filter { $0.verdict != .ok } == [])
    }

    @Test("imports the files in conf.d without being told, as containerd does since 2.2")
    func defaultImport() async throws {
        let node = try NodeTree()
        node.write("/etc/containerd/config.toml", "version = 3\n")
        #expect(try await node.check().filter { $0.verdict != .ok } == [])
    }

    @Test("says that a handler stands in a table that containerd ignores")
    func misplaced() async throws {
        let node = try NodeTree()
        try node.change("/etc/containerd/conf.d/kata-deploy.toml", "version = 3", "version = 2")
        let finding = try await node.check().first { $0.verdict == .failed }
        #expect(finding?.subject == "runtime")
        #expect(finding?.text.contains("ignores in a file of version 2") == true)
    }

    @Test(
        "names each fault of the container runtime, and only that one",
        arguments: [
            (
                #"runtime_type = "io.containerd.kata-remote.v2""#, #"runtime_type = "io.containerd.runc.v2""#,
                "runtime",
                Finding.Verdict.failed
            ),
            (NodeTree.shim, "/opt/kata/bin/none", "shim", .failed),
            (#"["io.katacontainers.*"]"#, "[]", "annotations", .warning),
            (#"snapshotter = "nydus-for-kata-tee""#, "", "images", .warning),
            ("containerd-nydus-grpc.sock", "other.sock", "images", .failed),
            ("disable_snapshot_annotations = false", "", "images", .failed),
            (
                "disable_snapshot_annotations = false",
                "disable_snapshot_annotations = false\ndiscard_unpacked_layers = true", "images", .warning
            ),
            (#"[proxy_plugins."nydus-for-kata-tee"]"#, "[proxy_plugins.other]", "images", .failed),
        ])
    func runtimeFaults(old: String, new: String, subject: String, verdict: Finding.Verdict) async throws {
        let node = try NodeTree()
        try node.change("/etc/containerd/conf.d/kata-deploy.toml", old, new)
        let finding = try await node.onlyProblem()
        #expect(finding?.subject == subject && finding?.verdict == verdict, "\(String(describing: finding))")
        #expect(finding?.advice.isEmpty == false)
    }

    @Test(
        "names each fault of kata's configuration, and only that one",
        arguments: [
            ("/run/peerpod/hypervisor.sock", "/run/other.sock", "kata socket", Finding.Verdict.failed),
            ("disable_new_netns = true", "disable_new_netns = false", "kata network", .failed),
            (#"internetworking_model = "none""#, #"internetworking_model = "tcfilter""#, "kata network", .failed),
            (#""machine_type", "#, "", "kata annotations", .warning),
            ("remote_hypervisor_timeout = 600", "remote_hypervisor_timeout = 100", "kata timeouts", .warning),
            ("create_container_timeout = 60", "create_container_timeout = 5", "kata timeouts", .warning),
            ("dial_timeout = 30", "dial_timeout = 1", "kata timeouts", .warning),
            ("static_sandbox_resource_mgmt = true", "", "kata sizes", .warning),
            ("disable_guest_empty_dir = false", "disable_guest_empty_dir = true", "kata volumes", .failed),
            ("[hypervisor.remote]", "[hypervisor.qemu]", "kata", .failed),
            ("[runtime]", "[runtime", "kata", .unknown),
        ])
    func kataFaults(old: String, new: String, subject: String, verdict: Finding.Verdict) async throws {
        let node = try NodeTree()
        try node.change(NodeTree.kata, old, new)
        let finding = try await node.onlyProblem()
        #expect(finding?.subject == subject && finding?.verdict == verdict, "\(String(describing: finding))")
        #expect(finding?.advice.isEmpty == false)
    }

    @Test("takes fragments in config.d over kata's configuration")
    func fragments() async throws {
        let node = try NodeTree()
        let place = Files.parent(of: NodeTree.kata) + "/config.d/10-ours.toml"
        node.write(place, "[runtime]\ndisable_new_netns = false\n")
        let finding = try await node.onlyProblem()
        #expect(finding?.subject == "kata network")
        node.write(place, "[runtime]\ncreate_container_timeout = 600\n")
        #expect(try await node.onlyProblem()?.text == "[]")
    }

    @Test("expects of the Rust shim's configuration what the Rust shim needs")
    func rustShim() async throws {
        let node = try NodeTree()
        try node.change(NodeTree.kata, "[runtime]", "[runtime]\nhypervisor_name = \"remote\"\nagent_name = \"kata\"")
        let finding = try await node.onlyProblem()
        #expect(finding?.subject == "kata network")
        #expect(finding?.advice.contains("disable_new_netns = false") == true)
        try node.change(NodeTree.kata, "disable_new_netns = true", "disable_new_netns = false")
        #expect(try await node.onlyProblem()?.text == "[]")
    }

    @Test("says what missing software means: no runtime, no kata, no kubelet, no network plugin, no adaptor")
    func nothing() async throws {
        let node = try NodeTree()
        for path in ["/etc", "/opt", "/var", "/run", "/proc", "/lib"] { node.remove(path) }
        let findings = try await node.check()
        let verdicts = Dictionary(findings.map { ($0.subject, $0.verdict) }, uniquingKeysWith: { one, _ in one })
        #expect(
            verdicts == [
                "runtime": .failed, "kata": .failed, "kubelet": .unknown, "adaptor": .warning, "network": .warning,
                "VXLAN port": .unknown, "kernel": .unknown, "capabilities": .ok, "rights": .ok,
            ])
    }

    @Test("checks CRI-O where kubelet uses it")
    func crio() async throws {
        let node = try NodeTree()
        try node.change("/var/lib/kubelet/config.yaml", "containerd/containerd.sock", "crio/crio.sock")
        node.write(
            "/etc/crio/crio.conf.d/99-kata-deploy",
            """
            [crio.runtime.runtimes.kata-remote]
            runtime_path = "\(NodeTree.shim)"
            runtime_type = "vm"
            runtime_root = "/run/vc"
            runtime_config_path = "\(NodeTree.kata)"
            runtime_pull_image = true
            """)
        #expect(try await node.onlyProblem()?.text == "[]")
        node.write(
            "/etc/crio/crio.conf.d/99-later", "[crio.runtime.runtimes.kata-remote]\nruntime_pull_image = false\n")
        #expect(try await node.onlyProblem()?.subject == "images")
        node.write("/etc/crio/crio.conf.d/99-later", "[crio.runtime.runtimes.kata-remote]\nruntime_type = \"oci\"\n")
        #expect(try await node.onlyProblem()?.subject == "runtime")
        node.remove("/etc/crio/crio.conf.d")
        #expect(try await node.check().contains { $0.text == "CRI-O has no runtime handler kata-remote" })
    }

    @Test("a hostile file is a finding, whatever it is", arguments: ["big", "binary", "fifo", "directory", "loop"])
    func hostile(kind: String) async throws {
        let node = try NodeTree()
        let path = "/etc/containerd/config.toml"
        node.remove(path)
        switch kind {
        case "big": node.write(path, String(repeating: "#", count: NodeFiles.sizeLimit + 1))
        case "binary": node.write(path, "a = \u{0}\u{1b}[2J")
        case "fifo":
            #expect(unsafe mkfifo(node.directory.path + path, 0o600) == 0)
        case "directory": try Files.makeDirectories(node.directory.path + path)
        default: try Files.link("config.toml", at: node.directory.path + path)
        }
        let findings = try await node.check()
        let runtime = try #require(findings.first)
        #expect(runtime.subject == "runtime" && runtime.verdict != .ok)
        #expect(findings.allSatisfy { !$0.text.contains("\u{1b}") })
    }

    @Test("a link with an absolute target stays below the node's root directory")
    func confinedLinks() async throws {
        let node = try NodeTree()
        try node.change("/etc/cni/net.d/10-azure.conflist", "azure-vnet", "below")
        node.remove("/etc/cni/net.d/real")
        node.write("/etc/real.conflist", #"{"plugins":[{"type":"linked"}]}"#)
        try Files.link("/etc/real.conflist", at: node.directory.path + "/etc/cni/net.d/00-first.conflist")
        #expect(try await node.check().contains { $0.subject == "network" && $0.text.hasSuffix("is linked") })
        try Files.removeTree(node.directory.path + "/etc/cni/net.d/00-first.conflist")
        try Files.link(
            "../../../../../../../etc/real.conflist", at: node.directory.path + "/etc/cni/net.d/00-first.conflist")
        #expect(try await node.check().contains { $0.subject == "network" && $0.text.hasSuffix("is linked") })
    }
}
