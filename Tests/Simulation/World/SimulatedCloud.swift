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
    /// Whether an operator removed the tags.
    var isTampered = false
    /// The sandbox that had the VM when the tags were removed.
    var formerOwner: SandboxID?
    /// Whether the VM belongs to another node or cluster.
    var isForeign = false

    /// Another VM with the same name and tags, which has not the sandbox's keys.
    func successor(serial: Int) -> SimulatedVM {
        SimulatedVM(name: name, serial: serial, tags: tags, number: number, isBroken: true)
    }
}

/// A resource that was created with a VM, and has none now.
struct SimulatedLeftover {
    let leftover: Leftover
    /// Whether it belongs to another node or cluster.
    let isForeign: Bool
}

/// The VMs of a subscription, and how well it answers.
struct SimulatedCloud {
    /// How many of 100 requests fail.
    var faultPercent = 0
    var vms: [SimulatedVM] = []
    var leftovers: [SimulatedLeftover] = []

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
        // Azure attaches the interface and the disk of that name to the new VM.
        cloud.leftovers.removeAll { $0.leftover.name == spec.name.rawValue }
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
        guard let index = cloud.index(named: name, of: sandbox) else {
            guard cloud.vm(named: name) == nil else { return false }
            cloud.leftovers.removeAll { $0.leftover.name == name.rawValue }
            return true
        }
        let vm = cloud.vms.remove(at: index)
        let pod = pod(of: sandbox)
        note(.vmDeleted, pod, vm.serial)
        check(.foreignUntouched, !vm.isForeign, "VM \(vm.name) of another node was deleted")
        check(.livePodKept, pod < 0 || !pods[pod].needsVM, "VM \(vm.serial) of pod \(pod) was deleted")
        return true
    }

    /// An operator removes the VM's tags.
    mutating func removeTags(ofVMAt index: Int) {
        let vm = cloud.vms[index]
        let owner = disk.directories.first { $0.id.rawValue == vm.tags[InstanceTags.sandbox] }
        // A VM of another name is an orphan: no tag leads to it any more, and no record.
        if let owner, vm.name == owner.vmName(of: pods) { cloud.vms[index].formerOwner = owner.id }
        cloud.vms[index].tags = [:]
        cloud.vms[index].isTampered = true
        count(.tagsChanged)
        note(.tagsChanged, owner.map { pod(of: $0.id) } ?? -1, vm.serial)
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
        cloud.leftovers = others.prefix(3).enumerated().map { index, tags in
            let leftover = Leftover(kind: .disk, id: "other-\(index)", name: "podvm-other-\(index)", tags: tags)
            return SimulatedLeftover(leftover: leftover, isForeign: true)
        }
        guard random.chance(20) else { return }
        let name = InstanceID(rawValue: "podvm-orphan")
        var orphan = SimulatedVM(name: name, serial: makeID(), tags: tags("test", "node-1"), number: nil)
        orphan.tags[InstanceTags.sandbox] = "orphan"
        cloud.vms.append(orphan)
    }

    /// The VM has gone, and resources that were created with it stay.
    mutating func leaveParts(of vm: SimulatedVM) {
        for kind in Leftover.Kind.allCases where random.chance(40) {
            let leftover = Leftover(
                kind: kind, id: "\(kind.rawValue)-\(vm.serial)", name: vm.name.rawValue, tags: vm.tags)
            cloud.leftovers.append(SimulatedLeftover(leftover: leftover, isForeign: false))
            count(.leftover)
            note(.leftoverLeft, -1, vm.serial)
        }
    }

    /// Deletes a resource without a VM at the request of a process. Returns false when a VM has it, or other tags.
    mutating func delete(_ leftover: Leftover) -> Bool {
        guard let index = cloud.leftovers.firstIndex(where: { $0.leftover.id == leftover.id }) else { return true }
        guard cloud.leftovers[index].leftover.tags == leftover.tags else { return false }
        check(.foreignUntouched, !cloud.leftovers[index].isForeign, "\(leftover.name) of another node was deleted")
        cloud.leftovers.remove(at: index)
        note(.leftoverDeleted)
        return true
    }
}
