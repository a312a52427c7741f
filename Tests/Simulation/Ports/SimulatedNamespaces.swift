internal import PodVMLifecycle

/// The network namespaces of the simulated pods.
struct SimulatedNamespaces: PodNamespaces {
    let world: World

    func status(at path: String) -> NamespaceStatus {
        world.withState { state in
            let pod = state.pods.first { $0.request.networkNamespacePath == path }
            return pod?.hasNamespace ?? false ? .present : .missing
        }
    }
}
