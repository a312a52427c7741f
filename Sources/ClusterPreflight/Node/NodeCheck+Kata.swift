internal import LinuxIO
internal import Preflight

extension NodeCheck {
    /// kata's configuration: the operator's, the container runtime's, or the first of the usual places.
    func findKata(_ handler: RuntimeHandler?) -> KataConfiguration? {
        let named = options.kataConfiguration.isEmpty ? handler?.kataConfiguration ?? "" : options.kataConfiguration
        if !named.isEmpty { return KataConfiguration(named, node) }
        return KataConfiguration.places.lazy.compactMap { KataConfiguration($0, node) }.first
    }

    func checkKata(_ kata: KataConfiguration?, _ handler: RuntimeHandler?) -> [Finding] {
        guard let kata else {
            let named =
                options.kataConfiguration.isEmpty ? handler?.kataConfiguration ?? "" : options.kataConfiguration
            return [
                Finding(
                    "kata", .failed,
                    named.isEmpty
                        ? "there is no configuration-remote.toml in kata's usual places"
                        : "kata's configuration \(named) does not exist",
                    advice: "install kata-deploy with the shim \"remote\" (docs/install.md), or name the file with "
                        + "-kata-config")
            ]
        }
        var findings = kata.faults.map { unreadable("kata", $0) }
        guard findings.isEmpty else { return findings }
        guard kata.isRemote else {
            return [
                Finding(
                    "kata", .failed, "\(kata.path) has no table [hypervisor.remote]: it is for another hypervisor",
                    advice: "name kata's configuration-remote.toml in the handler's ConfigPath (CRI-O: "
                        + "runtime_config_path)")
            ]
        }
        let fragments = kata.fragments.isEmpty ? "" : ", changed by \(kata.fragments.joined(separator: ", "))"
        findings.append(
            Finding(
                "kata", .ok,
                "\(kata.path) is for the remote hypervisor and the \(kata.flavour.rawValue) shim\(fragments)"))
        findings += checkFlavour(kata, handler)
        findings.append(checkHypervisor(kata))
        findings.append(checkNamespaces(kata))
        findings += checkRuntimeSettings(kata)
        return findings
    }

    /// The shim's program must be the one that the configuration is for.
    private func checkFlavour(_ kata: KataConfiguration, _ handler: RuntimeHandler?) -> [Finding] {
        // The note is at the beginning of the program's first segment.
        guard let path = handler?.programs.first(where: node.isExecutable), let place = node.place(of: path),
            let file = try? RandomAccessFile(place),
            let bytes = try? file.read(64 << 10, at: 0),
            let actual = ShimFlavour(program: bytes), actual != kata.flavour
        else { return [] }
        return [
            Finding(
                "kata", .failed,
                "\(path) is the \(actual.rawValue) shim, but \(kata.path) is for the \(kata.flavour.rawValue) shim",
                advice: "name the configuration of that shim in the handler, or the other shim in runtime_path")
        ]
    }

    private func checkHypervisor(_ kata: KataConfiguration) -> Finding {
        guard Self.samePath(kata.socket, options.socket) else {
            return Finding(
                "kata socket", .failed,
                "remote_hypervisor_socket is \"\(kata.socket)\", but the adaptor listens on \(options.socket)",
                advice: "set remote_hypervisor_socket = \"\(options.socket)\" in \(kata.path), or the adaptor's "
                    + "REMOTE_HYPERVISOR_ENDPOINT (-socket of this command)")
        }
        let missing = ["machine_type", "default_vcpus", "default_memory", "image", "cc_init_data"].filter {
            !kata.enabledAnnotations.contains($0) && !kata.enabledAnnotations.contains(".*")
        }
        if !missing.isEmpty {
            return Finding(
                "kata annotations", .warning,
                "enable_annotations lacks \(missing.joined(separator: ", ")): kata refuses pods with these annotations",
                advice: "add them to enable_annotations in [hypervisor.remote] of \(kata.path)")
        }
        return Finding("kata socket", .ok, "remote_hypervisor_socket is the adaptor's socket")
    }

    private static func samePath(_ one: String, _ other: String) -> Bool {
        func plain(_ path: String) -> [Substring] {
            let parts = path.split(separator: "/")
            // /var/run is a link to /run.
            return parts.first == "var" && parts.dropFirst().first == "run" ? Array(parts.dropFirst()) : parts
        }
        return !one.isEmpty && plain(one) == plain(other)
    }

    /// Both shims must leave the pod's network to the adaptor, each with its own setting.
    private func checkNamespaces(_ kata: KataConfiguration) -> Finding {
        let right = kata.flavour == .go
        let isRight = (kata.disablesNewNetworkNamespace ?? false) == right
        if isRight, kata.internetworkingModel == "none" {
            return Finding(
                "kata network", .ok, "disable_new_netns = \(right) and internetworking_model = \"none\" fit the shim")
        }
        return Finding(
            "kata network", .failed,
            "disable_new_netns is \(kata.disablesNewNetworkNamespace.map { "\($0)" } ?? "not set") and "
                + "internetworking_model is \(kata.internetworkingModel.map { "\"\($0)\"" } ?? "not set"): the shim "
                + "changes the pod's network, which belongs to the adaptor",
            advice:
                "set disable_new_netns = \(right) and internetworking_model = \"none\" in [runtime] of \(kata.path), "
                + "as the \(kata.flavour.rawValue) shim needs them")
    }

    private func checkRuntimeSettings(_ kata: KataConfiguration) -> [Finding] {
        var findings: [Finding] = []
        if kata.sizesSandboxesStatically != true {
            findings.append(
                Finding(
                    "kata sizes", .warning,
                    "static_sandbox_resource_mgmt is not true: kata does not tell the adaptor the pod's CPU and memory",
                    advice: "set static_sandbox_resource_mgmt = true in [runtime] of \(kata.path)"))
        }
        if kata.disablesGuestEmptyDirectories == true {
            findings.append(
                Finding(
                    "kata volumes", .failed,
                    "disable_guest_empty_dir is true: emptyDir volumes would be on the node, which shares no file system "
                        + "with the VM",
                    advice: "set disable_guest_empty_dir = false in [runtime] of \(kata.path)"))
        }
        return findings + checkTimeouts(kata)
    }

    private func checkTimeouts(_ kata: KataConfiguration) -> [Finding] {
        var findings: [Finding] = []
        // kata replaces a smaller value by its minimum.
        let limit = Duration.seconds(max(60, kata.hypervisorTimeout ?? 600))
        if limit < options.proxyTimeout {
            findings.append(
                Finding(
                    "kata timeouts", .warning,
                    "remote_hypervisor_timeout is \(limit.components.seconds) s: kata gives up StartVM before the adaptor's "
                        + "-proxy-timeout of \(options.proxyTimeout.components.seconds) s is over",
                    advice: "set remote_hypervisor_timeout = \(options.proxyTimeout.components.seconds + 60) in "
                        + "[hypervisor.remote] of \(kata.path)"))
        }
        let container = kata.createContainerTimeout ?? (kata.flavour == .go ? 60 : 30)
        if container < 60 {
            findings.append(
                Finding(
                    "kata timeouts", .warning,
                    "create_container_timeout is \(container) s, in which the VM must pull the container's image",
                    advice: "set create_container_timeout = 600 in [runtime] of \(kata.path)"))
        }
        let isShort: Bool
        switch kata.flavour {
        case .go: isShort = (kata.dialTimeout ?? 30) < 10
        // The product counts: the shim dials again until the second limit is over.
        case .rust: isShort = (kata.reconnectTimeoutMilliseconds ?? 3000) < 3000
        }
        if isShort {
            findings.append(
                Finding(
                    "kata timeouts", .warning,
                    "the shim's time limit for the agent's connection is short (dial_timeout, reconnect_timeout_ms)",
                    advice: kata.flavour == .go
                        ? "set dial_timeout = 30 in [agent.kata] of \(kata.path)"
                        : "set reconnect_timeout_ms = 30000 in [agent.kata] of \(kata.path)"))
        }
        if findings.isEmpty {
            findings.append(
                Finding(
                    "kata timeouts", .ok,
                    "StartVM may take \(limit.components.seconds) s, CreateContainer \(container) s"))
        }
        return findings
    }
}
