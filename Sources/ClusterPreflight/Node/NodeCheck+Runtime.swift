internal import JSON
internal import LinuxIO
internal import Preflight

extension NodeCheck {
    private static var install: String {
        "install kata-deploy with the shim \"remote\" (docs/install.md), which configures the runtime and restarts it"
    }

    /// Finds the handler in the container runtime that kubelet uses, and checks it.
    func checkRuntime(_ kubelet: KubeletConfiguration) -> ([Finding], RuntimeHandler?) {
        let crio = CRIOConfiguration(node)
        let containerdFile = ContainerdConfiguration.places.first(where: node.exists)
        let usesCRIO: Bool
        if kubelet.runtimeEndpoint.contains("crio") {
            usesCRIO = true
        } else if kubelet.runtimeEndpoint.contains("containerd") {
            usesCRIO = false
        } else {
            usesCRIO = crio.exists && (containerdFile == nil || node.exists("/run/crio/crio.sock"))
        }
        if usesCRIO { return checkCRIO(crio) }
        guard let containerdFile else {
            let finding = Finding(
                "runtime", .failed,
                "neither containerd nor CRI-O has a configuration in its usual place",
                advice: "run this command on the node, or with -root DIR for a node that is mounted at DIR")
            return ([finding], nil)
        }
        return checkContainerd(ContainerdConfiguration(containerdFile, node))
    }

    private func checkCRIO(_ configuration: CRIOConfiguration) -> ([Finding], RuntimeHandler?) {
        var findings = configuration.faults.map { unreadable("runtime", $0) }
        guard let handler = configuration.handler(options.handler) else {
            findings.append(
                Finding(
                    "runtime", .failed, "CRI-O has no runtime handler \(options.handler)", advice: Self.install))
            return (findings, nil)
        }
        findings.append(checkType(handler, handler.type == "vm", #"runtime_type = "vm""#))
        findings.append(checkProgram(handler))
        findings.append(
            handler.pullsImagesInGuest
                ? Finding("images", .ok, "runtime_pull_image is true: the VM pulls the images")
                : Finding(
                    "images", .warning,
                    "runtime_pull_image is not true in \(handler.file): CRI-O pulls images on the node, too",
                    advice: "set runtime_pull_image = true in the table of the handler, and restart CRI-O"))
        return (findings, handler)
    }

    private func checkContainerd(_ configuration: ContainerdConfiguration) -> ([Finding], RuntimeHandler?) {
        var findings = configuration.faults.map { unreadable("runtime", $0) }
        guard let handler = configuration.handler(options.handler) else {
            if let (file, table) = configuration.misplacedHandler(options.handler) {
                findings.append(
                    Finding(
                        "runtime", .failed,
                        "the handler \(options.handler) is in the table plugins.\"\(table)\" of \(file.path), which "
                            + "containerd ignores in a file of version \(file.version)",
                        advice: "move the handler to the table of that version: cri (1), io.containerd.grpc.v1.cri "
                            + "(2), io.containerd.cri.v1.runtime (3)"))
            } else {
                let files = configuration.files.map(\.path).joined(separator: ", ")
                findings.append(
                    Finding(
                        "runtime", .failed,
                        "containerd has no runtime handler \(options.handler) (read: \(files))",
                        advice: Self.install))
            }
            return (findings, nil)
        }
        let isShim = handler.type.hasPrefix("io.containerd.kata") && handler.type.hasSuffix(".v2")
        findings.append(
            checkType(handler, isShim || handler.type.hasPrefix("/"), #"runtime_type = "io.containerd.kata-remote.v2""#)
        )
        findings.append(checkProgram(handler))
        findings.append(checkAnnotations(handler))
        findings += checkSnapshotter(handler, configuration)
        return (findings, handler)
    }

    private func checkType(_ handler: RuntimeHandler, _ isRight: Bool, _ right: String) -> Finding {
        let name = "\(handler.runtime.rawValue)'s handler \(options.handler) in \(handler.file)"
        if isRight { return Finding("runtime", .ok, "\(name) has the type \(handler.type)") }
        let type = handler.type.isEmpty ? "no type" : "the type \"\(handler.type)\""
        return Finding(
            "runtime", .failed, "\(name) has \(type), which does not start kata's shim",
            advice: "set \(right), and restart \(handler.runtime.rawValue)")
    }

    private func checkProgram(_ handler: RuntimeHandler) -> Finding {
        let programs = handler.programs
        if let found = programs.first(where: node.isExecutable) {
            return Finding("shim", .ok, "kata's shim is \(found)")
        }
        let places = programs.joined(separator: ", ")
        return Finding(
            "shim", .failed,
            programs.isEmpty
                ? "the handler names no shim, and its type does not imply one"
                : "kata's shim is missing or not executable: \(places)",
            advice: "install kata, or correct runtime_path in \(handler.file)")
    }

    /// The annotations with which pods choose their VM's size.
    private func checkAnnotations(_ handler: RuntimeHandler) -> Finding {
        let example = "io.katacontainers.config.hypervisor.machine_type"
        if handler.podAnnotations.contains(where: { NodeFiles.matches(example, $0) }) {
            return Finding("annotations", .ok, "containerd passes io.katacontainers annotations of pods to the shim")
        }
        return Finding(
            "annotations", .warning,
            "pod_annotations in \(handler.file) does not pass io.katacontainers.*: a pod's annotations for size, image "
                + "and initdata have no effect",
            advice:
                "set pod_annotations = [\"io.katacontainers.*\"] in the table of the handler, and restart containerd")
    }

    private func checkSnapshotter(
        _ handler: RuntimeHandler, _ configuration: ContainerdConfiguration
    ) -> [Finding] {
        let name = handler.snapshotter
        guard name.hasPrefix("nydus") else {
            return [
                Finding(
                    "images", .warning,
                    (name.isEmpty ? "the handler names no snapshotter" : "the handler's snapshotter is \(name)")
                        + ": containerd pulls whole images on the node, and their content comes from the node",
                    advice:
                        "use the snapshotter nydus-for-kata-tee of kata-deploy (snapshotter.setup=[nydus]), so that "
                        + "the VM pulls the images itself")
            ]
        }
        var findings: [Finding] = []
        if let address = configuration.proxySnapshotter(name) {
            findings.append(
                node.exists(address)
                    ? Finding("images", .ok, "the snapshotter \(name) listens on \(address): the VM pulls the images")
                    : Finding(
                        "images", .failed, "the socket \(address) of the snapshotter \(name) does not exist",
                        advice: "start the snapshotter's unit (\(name).service), and read its log"))
        } else {
            findings.append(
                Finding(
                    "images", .failed, "containerd has no proxy_plugins.\(name), the snapshotter of the handler",
                    advice: Self.install))
        }
        if configuration.imageSetting("disable_snapshot_annotations") != false {
            findings.append(
                Finding(
                    "images", .failed,
                    "disable_snapshot_annotations is not false: the snapshotter does not learn which image it is for",
                    advice:
                        "set disable_snapshot_annotations = false for containerd's CRI plugin, and restart containerd"
                ))
        }
        if configuration.imageSetting("discard_unpacked_layers") == true {
            findings.append(
                Finding(
                    "images", .warning,
                    "discard_unpacked_layers is true: images of other pods lose the content that the snapshotter needs",
                    advice: "set discard_unpacked_layers = false for containerd's CRI plugin, and restart containerd"))
        }
        return findings
    }

    /// A file that is there, but cannot be used.
    func unreadable(_ subject: String, _ fault: String) -> Finding {
        Finding(subject, .unknown, fault, advice: "correct the file; run this command as root if it is not readable")
    }
}
