internal import LinuxIO

/// The checks of a CreateVM request. They find faults before there is a VM.
struct RequestCheck {
    /// The longest name that Kubernetes allows.
    private static let nameLimit = 253
    private static let pathLimit = 4095
    private static let referenceLimit = 2048

    let request: SandboxRequest
    let namespaces: any PodNamespaces

    /// - Throws: ``LifecycleError`` that names the fault.
    func check(directory: String) throws(LifecycleError) {
        if let fault = nameFault("pod name", request.podName) ?? nameFault("pod namespace", request.podNamespace)
            ?? namespaceFault ?? requirementsFault ?? Self.socketFault(PreparedPod.agentSocketPath(in: directory))
        {
            throw LifecycleError(.invalidArgument, "Sandbox \(request.id) cannot be created: \(fault)")
        }
    }

    /// Returns why a unix socket cannot have that path, or nil.
    static func socketFault(_ path: String) -> String? {
        let limit = SocketAddress.unixPathLimit
        guard path.utf8.count > limit else { return nil }
        return "its agent socket's path \(path) has \(path.utf8.count) bytes and a unix socket's path may have "
            + "\(limit); configure a shorter pods directory (-pods-dir)."
    }

    private func nameFault(_ what: String, _ name: String) -> String? {
        if name.isEmpty { return "the \(what) is missing; kata sends it as an annotation." }
        if name.utf8.count > Self.nameLimit { return "the \(what) has more than \(Self.nameLimit) bytes." }
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "the \(what) has control characters." }
        return nil
    }

    /// The only check of the path before the pod's network is inspected.
    private var namespaceFault: String? {
        let path = request.networkNamespacePath
        if path.isEmpty { return nil }
        func fault(_ what: String, _ reason: String) -> String {
            "the pod's network namespace\(what) \(reason). containerd or CRI-O makes it and kata's shim passes its path on; the "
                + "adaptor must see the node's /run/netns (mount propagation HostToContainer)."
        }
        guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0), path.utf8.count <= Self.pathLimit else {
            return fault("", "is not an absolute path of at most \(Self.pathLimit) bytes")
        }
        return switch namespaces.status(at: path) {
        case .missing: fault(" \(path)", "does not exist on this node")
        case .directory: fault(" \(path)", "is a directory")
        // The inspection of the pod's network says what the object is.
        case .present, .notANamespace: nil
        }
    }

    private var requirementsFault: String? {
        let wanted = request.requirements
        return referenceFault("machine type", wanted.machineType) ?? referenceFault("image", wanted.image)
            ?? wanted.numberFault
    }

    private func referenceFault(_ what: String, _ text: String?) -> String? {
        guard let text else { return nil }
        if text.isEmpty || text.utf8.count > Self.referenceLimit || text.utf8.contains(where: { $0 < 0x20 }) {
            return
                "the \(what) asked for is empty, has control characters or is too long: it has \(text.utf8.count) bytes, "
                + "and at most \(Self.referenceLimit) are allowed."
        }
        return nil
    }
}
