internal import PodVMLifecycle

// The rules that hold after every step.

extension WorldState {
    /// Checks the step that a write makes in a sandbox's record.
    mutating func checkTransition(to record: SandboxRecord) {
        let pod = pod(of: record.id)
        guard let directory = disk.directory(of: record.id), let before = directory.record?.state else { return }
        let isLegal = before == record.state || before.leads(to: record.state)
        check(
            .recordsMoveForward, isLegal || directory.hasFailedWrite && record.state.isEnding,
            "the record of pod \(pod) went from \(before.name) to \(record.state.name)")
        check(
            .livePodKept, pod < 0 || !pods[pod].needsVM || !record.state.isEnding,
            "the record of pod \(pod) became \(record.state.name)")
        checkOwners(of: record)
    }

    /// Checks that no record was read from a damaged file.
    mutating func checkDamage(_ loaded: LoadedRecords) {
        for directory in disk.directories where directory.record == nil {
            let isUsed = loaded.unreadable[directory.id] == nil || loaded.records.contains { $0.id == directory.id }
            let pod = pod(of: directory.id)
            check(.damageNoticed, !isUsed, "the damaged record of pod \(pod) was read")
        }
    }

    private mutating func checkOwners(of record: SandboxRecord) {
        guard record.state.mayHaveVM else { return }
        let isShared = disk.directories.contains { other in
            guard other.id != record.id, let state = other.record?.state else { return false }
            return state.mayHaveVM && state.vm == record.state.vm
        }
        check(.vmOwnedOnce, !isShared, "VM \(record.state.vm) has two records")
    }

    /// Checks a request for a new VM: the record must be on the platter.
    mutating func checkCreation(of sandbox: SandboxID) {
        let (pod, state) = (pod(of: sandbox), disk.durableState(of: sandbox))
        check(
            .recordBeforeEffect, state?.mayHaveVM ?? false,
            "the VM of pod \(pod) was requested, and its durable record is \(state?.name ?? "missing")")
    }

    /// Checks the VXLAN numbers of the VMs and of the sandboxes. A VM without a directory is an orphan, and exempt.
    mutating func checkVMs() {
        for vm in cloud.vms where !vm.isForeign && !vm.isTampered {
            guard let number = vm.number else { continue }
            let sandbox = vm.tags[InstanceTags.sandbox] ?? ""
            guard disk.directories.contains(where: { $0.id.rawValue == sandbox }) else { continue }
            let other = disk.directories.first { $0.number == number && $0.id.rawValue != sandbox }
            check(.numberNotShared, other == nil, "VM \(vm.serial) and another pod have the number \(number)")
        }
    }

    /// Checks that a number is released only after the VM has been deleted.
    mutating func checkRelease(of sandbox: SandboxID) {
        let vm = cloud.vms.first { $0.tags[InstanceTags.sandbox] == sandbox.rawValue || $0.formerOwner == sandbox }
        let pod = pod(of: sandbox)
        check(
            .numberHeldUntilDeletion, vm == nil,
            "the number of pod \(pod) was released, and VM \(vm?.serial ?? 0) exists")
    }
}

extension SandboxState {
    /// Whether the state machine has this step.
    fileprivate func leads(to next: SandboxState) -> Bool {
        switch (self, next) {
        case (.preparing, .prepared), (.preparing, .gone), (.prepared, .creating), (.prepared, .gone),
            (.creating, .booting), (.creating, .deleting), (.booting, .creating), (.booting, .running),
            (.booting, .deleting), (.running, .deleting), (.running, .failed), (.failed, .deleting), (.deleting, .gone):
            true
        default: false
        }
    }
}

extension WorldState {
    /// Checks what must hold once all faults have ended and time has passed.
    mutating func checkRest() {
        for vm in cloud.vms where !vm.isForeign && !vm.isTampered {
            check(.noVMWithoutOwner, isOwned(vm.tags), "VM \(vm.serial) (\(vm.name)) is left")
        }
        for part in cloud.leftovers where !part.isForeign {
            check(.noLeftover, isOwned(part.leftover.tags), "the \(part.leftover.id) of \(part.leftover.name) is left")
        }
        for vm in cloud.vms {
            guard let owner = vm.formerOwner else { continue }
            let (pod, directory) = (pod(of: owner), disk.directory(of: owner))
            check(
                .untaggedHasOwner, directory != nil && directory?.number == vm.number,
                "the tags of VM \(vm.serial) were removed, and pod \(pod) is gone")
        }
        for directory in disk.directories { checkIdentity(of: directory) }
        for (index, pod) in pods.enumerated() { checkRest(of: pod, index) }
        check(.foreignUntouched, cloud.leftovers.count { $0.isForeign } == 3, "a resource of another node is missing")
        check(
            .foreignUntouched, cloud.vms.count { $0.isForeign } == 4, "a VM of another node or cluster is missing")
    }

    /// Whether a sandbox may have the VM at rest. A sandbox with a damaged record keeps its VM until StopVM.
    private func isOwned(_ tags: [String: String]) -> Bool {
        guard let owner = disk.directories.first(where: { $0.id.rawValue == tags[InstanceTags.sandbox] }) else {
            return false
        }
        guard let state = owner.record?.state else { return !owner.hasStopMark }
        return state.mayHaveVM && !state.isEnding
    }

    /// Checks the VM of a running record. After a failed write, the process may have another state in memory.
    private mutating func checkIdentity(of directory: SimulatedDisk.Directory) {
        guard case .running(let instance)? = directory.record?.state, !directory.hasFailedWrite,
            let vm = cloud.vm(named: instance.id)
        else { return }
        check(
            .recordOfThisVM, instance.vmID == "\(vm.serial)",
            "the record has VM \(instance.vmID ?? "-"), and VM \(vm.serial) has the name")
    }

    private mutating func checkRest(of pod: Pod, _ index: Int) {
        let directory = disk.directory(of: pod.id)
        switch pod.phase {
        case .running:
            if pod.isVMGone { break }
            let isKept =
                switch directory?.record?.state {
                case .running: true
                case nil: directory != nil
                default: false
                }
            check(.livePodRuns, isKept, "the record of pod \(index) is \(directory.nameOfState)")
            check(
                .livePodRuns, cloud.vms.contains { $0.tags[InstanceTags.sandbox] == pod.id.rawValue || $0.isTampered },
                "pod \(index) has no VM")
        case .stopped, .dead:
            // Without a network namespace, or with a flipped bit in the record, only StopVM removes a sandbox.
            let isWatched =
                !pod.request.networkNamespacePath.isEmpty && !pod.hasNamespace && directory?.record != nil
            let hasVM = cloud.vms.contains { $0.tags[InstanceTags.sandbox] == pod.id.rawValue }
            let isMarked = directory.map { directory in
                directory.record != nil || directory.hasStopMark
                    || SandboxRecord.isUnsynced(directory.bytes) && !hasVM
            }
            let isStopped = pod.phase == .stopped && isMarked ?? true
            // A VM without its tags is not deleted, and keeps its sandbox.
            let name = VMName.make(pod: pod.request.podName, sandbox: pod.id)
            let isKept = cloud.vms.contains { $0.isTampered && $0.name == name }
            guard isWatched || isStopped, !isKept else { break }
            check(.stoppedIsGone, directory == nil, "the record of pod \(index) is \(directory.nameOfState)")
            check(.stoppedIsGone, node.number(of: pod.id) == nil, "pod \(index) has a VXLAN number")
        case .new: check(.stoppedIsGone, directory == nil, "pod \(index) was never created, and has a record")
        case .creating, .created, .starting, .failed, .stopping:
            check(.comesToRest, false, "pod \(index) is \(pod.phase)")
        }
    }
}

extension SimulatedDisk.Directory? {
    fileprivate var nameOfState: String { map { $0.record?.state.name ?? "damaged" } ?? "missing" }
}
