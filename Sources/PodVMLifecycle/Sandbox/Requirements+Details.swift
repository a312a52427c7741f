extension Requirements {
    /// kata's Rust shim sends these values when the pod sets none.
    package static let unset = PodResources(vcpus: 1, memoryMiB: 2048)

    /// The largest numbers that any cloud could have. A larger one is a mistake.
    static let limits = PodResources(vcpus: 8192, memoryMiB: 1 << 26, gpus: 1024)

    /// What kata's request and the cluster's knowledge of the pod say together. The request is stronger, except for the
    /// values that kata's shim sends for a pod without annotations.
    func completed(by details: PodDetails) -> Requirements {
        var result = self
        result.tees = details.tees
        // A machine type decides all numbers.
        guard machineType == nil else { return result }
        func complete(
            _ member: WritableKeyPath<Requirements, Int?>, _ kind: PodResources.Kind, _ spec: Int?, _ unset: Int?
        ) {
            let requested = self[keyPath: member]
            guard let spec, !details.annotated.contains(kind), requested == nil || requested == unset else { return }
            result[keyPath: member] = spec
            result.origin = .podSpec
        }
        complete(\.vcpus, .vcpus, details.resources.vcpus, Self.unset.vcpus)
        complete(\.memoryMiB, .memory, details.resources.memoryMiB, Self.unset.memoryMiB)
        complete(\.gpus, .gpus, details.resources.gpus, nil)
        return result
    }

    /// Whether a number asks for more than the default size.
    package var hasNumbers: Bool {
        gpus != nil || (vcpus ?? 1) != Self.unset.vcpus || (memoryMiB ?? 2048) != Self.unset.memoryMiB
    }

    /// Why no VM can have these numbers; nil if one could.
    var numberFault: String? {
        fault("vCPUs", vcpus, Self.limits.vcpus) ?? fault("MiB of memory", memoryMiB, Self.limits.memoryMiB)
            ?? fault("GPUs", gpus, Self.limits.gpus)
    }

    private func fault(_ what: String, _ number: Int?, _ limit: Int?) -> String? {
        guard let number, let limit else { return nil }
        let source = origin == .podSpec ? "the pod's spec or its annotations ask" : "the pod's annotations ask"
        if number < 1 { return "\(source) for \(number) \(what); ask for 1 or more, or leave it out." }
        if number > limit { return "\(source) for \(number) \(what), and no VM has more than \(limit); ask for less." }
        return nil
    }

    /// Why the VM has its size, in words.
    public var reason: String {
        let technology = tees.map { "; the pod accepts \($0.text)" } ?? ""
        if let machineType { return "the annotation machine_type names \(machineType)" + technology }
        guard hasNumbers else { return "the pod asks for no size, so the default size comes first" + technology }
        let parts = [(vcpus, "vCPUs"), (memoryMiB, "MiB"), (gpus, "GPUs")].compactMap { number, unit in
            number.map { "\($0) \(unit)" }
        }
        let source = origin == .podSpec ? "the pod's spec needs" : "the pod's annotations ask for"
        return "\(source) \(parts.joined(separator: ", "))" + technology
    }
}
