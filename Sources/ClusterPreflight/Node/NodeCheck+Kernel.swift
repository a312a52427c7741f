internal import LinuxIO
internal import PodNetwork
internal import Preflight

extension NodeCheck {
    /// A part of the kernel, with what does not work without it.
    private struct Feature {
        let module: String
        let isNeeded: Bool
        let purpose: String
    }

    private static let features = [
        Feature(module: "vxlan", isNeeded: true, purpose: "the pods' tunnels"),
        Feature(module: "sch_ingress", isNeeded: true, purpose: "the redirection of a pod's packets"),
        Feature(module: "cls_u32", isNeeded: true, purpose: "the redirection of a pod's packets"),
        Feature(module: "cls_bpf", isNeeded: true, purpose: "the redirection of a pod's packets"),
        Feature(module: "act_mirred", isNeeded: true, purpose: "the redirection of a pod's packets"),
        Feature(module: "nf_tables", isNeeded: false, purpose: "the exclusion of tunnels from connection tracking"),
        Feature(module: "xfrm_user", isNeeded: false, purpose: "the refusal of IPsec policies on tunnels"),
    ]

    /// The modules that the kernel has loaded, contains or can load.
    func checkKernel() -> [Finding] {
        let release = node.text("/proc/sys/kernel/osrelease").prefix { !$0.isWhitespace }
        let loaded = Set(
            node.text("/proc/modules").split(separator: "\n").compactMap { $0.split(separator: " ").first })
        let directory = "/lib/modules/\(release)"
        let files = ["modules.builtin", "modules.dep"].map { node.text("\(directory)/\($0)") }
        let known = files.flatMap { $0.split(separator: "\n") }.compactMap { line -> String? in
            line.split(separator: ":").first?.split(separator: "/").last.map { Self.moduleName(String($0)) }
        }
        let available = Set(known)
        var missing: [Finding] = []
        var unclear: [String] = []
        for feature in Self.features {
            if loaded.contains(Substring(feature.module)) || node.exists("/sys/module/\(feature.module)") { continue }
            if available.contains(feature.module) { continue }
            if available.isEmpty {
                unclear.append(feature.module)
            } else {
                missing.append(
                    Finding(
                        "kernel", feature.isNeeded ? .failed : .warning,
                        "the kernel \(release) has no module \(feature.module), which \(feature.purpose) need",
                        advice:
                            "install the package with the kernel's further modules (linux-modules-extra on Ubuntu), "
                            + "or use another kernel"))
            }
        }
        if !unclear.isEmpty {
            missing.append(
                Finding(
                    "kernel", .unknown,
                    "not loaded, and \(directory) does not say whether they exist: \(unclear.joined(separator: ", "))",
                    advice: "mount the node's /lib/modules, or try 'modprobe \(unclear[0])' on the node"))
        }
        return missing.isEmpty
            ? [Finding("kernel", .ok, "the kernel \(release) has VXLAN, traffic control and nftables")] : missing
    }

    /// `vxlan` of `vxlan.ko.zst`. File names may have dashes where the module has underscores.
    private static func moduleName(_ file: String) -> String {
        String(file.prefix { $0 != "." }.map { $0 == "-" ? "_" : $0 })
    }

    /// The capabilities of the adaptor's process; without one, of this process.
    func checkCapabilities() -> Finding {
        let adaptor = NodeProcess.adaptor(node)
        let status = adaptor.map { node.text("/proc/\($0.pid)/status") } ?? ""
        guard let adaptor, !status.isEmpty else {
            return Finding(
                "capabilities", .ok, "not checked: no adaptor runs on this node, as far as /proc shows",
                advice: "the adaptor's container needs NET_ADMIN and SYS_ADMIN")
        }
        let missing = NetworkCapabilities(status: status).missing
        if missing.isEmpty {
            return Finding(
                "capabilities", .ok, "the adaptor (process \(adaptor.pid)) has NET_ADMIN and SYS_ADMIN")
        }
        return Finding(
            "capabilities", .failed,
            "the adaptor (process \(adaptor.pid)) lacks \(missing.joined(separator: " and "))",
            advice: "add them to securityContext.capabilities.add of the adaptor's container")
    }

    /// The adaptor's socket, on which kata's shims call.
    func checkSocket() -> [Finding] {
        guard node.exists(options.socket) else {
            return [
                Finding(
                    "adaptor", .warning, "\(options.socket) does not exist: no adaptor runs on this node",
                    advice: "start the adaptor's pod on this node: kubectl -n confidential-containers-system get pods "
                        + "-l app=cloud-api-adaptor -o wide")
            ]
        }
        return [Finding("adaptor", .ok, "the socket \(options.socket) exists")]
    }
}
