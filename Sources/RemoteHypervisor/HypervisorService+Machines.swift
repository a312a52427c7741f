internal import PeerPodProtocol
internal import PodVMLifecycle
internal import TTRPC

extension HypervisorService {
    func machines() async throws(Status) -> MachineList {
        do throws(LifecycleError) {
            let found = try await supervisor.machines()
            return .with { $0.machines = found.map(MachineStatus.init) }
        } catch {
            throw Status(error)
        }
    }
}

extension MachineStatus {
    fileprivate init(_ vm: ListedInstance) {
        self.init()
        name = vm.id.rawValue
        node = vm.tags[InstanceTags.node] ?? ""
        podNamespace = vm.tags[InstanceTags.namespace] ?? ""
        podName = vm.tags[InstanceTags.pod] ?? ""
        sandbox = vm.tags[InstanceTags.sandbox] ?? ""
        size = vm.size ?? ""
        created = vm.created ?? vm.tags[InstanceTags.created].flatMap { Int64($0) } ?? 0
    }
}
