internal import PodVMLifecycle

/// A VM in the simulated cloud.
struct SimulatedVM {
    let name: InstanceID
    /// A number that no other VM has.
    let serial: Int
    var tags: [String: String]
    /// The VXLAN number in the VM's boot document.
    let number: Int?
    /// Whether the VM will never serve.
    var isBroken = false
    /// Whether an operator changed the tags.
    var isTampered = false
    /// Whether the VM belongs to another node or cluster.
    var isForeign = false

    /// Another VM with the same name and tags.
    func successor(serial: Int) -> SimulatedVM { SimulatedVM(name: name, serial: serial, tags: tags, number: number) }
}

/// The VMs of a subscription, and how well it answers.
struct SimulatedCloud {
    /// How many of 100 requests fail.
    var faultPercent = 0
    var vms: [SimulatedVM] = []

    func vm(named name: InstanceID) -> SimulatedVM? { vms.first { $0.name == name } }

    func index(named name: InstanceID, of sandbox: SandboxID) -> Int? {
        vms.firstIndex { $0.name == name && $0.tags[InstanceTags.sandbox] == sandbox.rawValue }
    }
}

extension WorldState {
    /// Creates the VM, unless it exists. Returns its serial number; nil when another VM has the name.
    mutating func createVM(_ spec: InstanceSpec, for sandbox: SandboxID, isLate: Bool = false) -> Int? {
        if let known = cloud.vm(named: spec.name) {
            guard known.tags[InstanceTags.sandbox] == sandbox.rawValue else { return nil }
            guard known.isBroken else { return known.serial }
            cloud.vms.removeAll { $0.serial == known.serial }
        }
        let serial = makeID()
        let number = disk.directory(of: sandbox)?.number
        cloud.vms.append(SimulatedVM(name: spec.name, serial: serial, tags: spec.tags, number: number))
        note(isLate ? .vmCreatedLate : .vmCreated, pod(of: sandbox), serial)
        checkVMs()
        return serial
    }

    /// Deletes the sandbox's VM, if it exists, at the request of a process. Returns false when the VM of that name has
    /// the tags of another sandbox.
    mutating func deleteVM(_ name: InstanceID, of sandbox: SandboxID) -> Bool {
        guard let index = cloud.index(named: name, of: sandbox) else { return cloud.vm(named: name) == nil }
        let vm = cloud.vms.remove(at: index)
        let pod = pod(of: sandbox)
        note(.vmDeleted, pod, vm.serial)
        check(.foreignUntouched, !vm.isForeign, "VM \(vm.name) of another node was deleted")
        check(.livePodKept, pod < 0 || !pods[pod].needsVM, "VM \(vm.serial) of pod \(pod) was deleted")
        return true
    }

    /// The pod's VM no longer exists, which ends the shim's connection to the agent.
    mutating func loseVM(of pod: Int) {
        guard pod >= 0 else { return }
        pods[pod].isVMGone = true
        loseAgent(of: pods[pod].id)
    }

    /// Puts VMs of other owners, and one that no sandbox of this node owns, into the cloud.
    mutating func placeOtherVMs() {
        func tags(_ cluster: String, _ node: String) -> [String: String] {
            [InstanceTags.cluster: cluster, InstanceTags.node: node, InstanceTags.sandbox: "other"]
        }
        let others = [tags("test", "node-2"), tags("other", "node-1"), tags("", "node-1"), [:]]
        for (index, tags) in others.enumerated() {
            let name = InstanceID(rawValue: "podvm-other-\(index)")
            cloud.vms.append(
                SimulatedVM(name: name, serial: makeID(), tags: tags, number: nil, isForeign: true))
        }
        guard random.chance(20) else { return }
        let name = InstanceID(rawValue: "podvm-orphan")
        var orphan = SimulatedVM(name: name, serial: makeID(), tags: tags("test", "node-1"), number: nil)
        orphan.tags[InstanceTags.sandbox] = "orphan"
        cloud.vms.append(orphan)
    }
}
