package import PodVMLifecycle

extension ClusterPod {
    /// The resource of graphics processors.
    private static let gpu = "nvidia.com/gpu"

    /// What the containers need together, as the scheduler counts it: the larger one of the containers that run together and
    /// of each init container with the sidecars that were started before it. A limit counts before a request, and the pod's
    /// own amounts count before those of its containers.
    ///
    /// The overhead of the RuntimeClass does not count: it is for the processes on the node.
    package var neededResources: PodResources {
        PodResources(
            vcpus: number(of: "cpu", inUnits: 1), memoryMiB: number(of: "memory", inUnits: 1 << 20),
            gpus: number(of: Self.gpu, inUnits: 1))
    }

    /// The amount in units, rounded up; nil if the pod names none.
    private func number(of resource: String, inUnits unit: Int64) -> Int? {
        let amount = resources.amount(of: resource) ?? sum(of: resource)
        let whole = amount.roundedUp
        guard whole > 0 else { return nil }
        return Int(clamping: whole / unit + (whole % unit > 0 ? 1 : 0))
    }

    private func sum(of resource: String) -> Quantity {
        let none = Quantity(thousandths: 0)
        var sidecars = none
        var most = none
        for container in initContainers {
            let amount = container.resources.amount(of: resource) ?? none
            most = max(most, sidecars + amount)
            if container.isSidecar { sidecars = sidecars + amount }
        }
        let together = containers.reduce(sidecars) { $0 + ($1.resources.amount(of: resource) ?? none) }
        return max(most, together)
    }

    /// The images of all containers, without repetition.
    package var images: [String] {
        var seen: Set<String> = []
        return (initContainers + containers).map(\.image).filter { !$0.isEmpty && seen.insert($0).inserted }
    }
}

extension ClusterPod.Resources {
    /// The limit, or else the request; nil without both.
    fileprivate func amount(of resource: String) -> Quantity? { limits[resource] ?? requests[resource] }
}
