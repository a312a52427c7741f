internal import PodVMLifecycle

// The steps of a schedule, which its random numbers choose.

extension Schedule {
    /// The mean number of steps with an unfinished operation between two crashes.
    private static let stepsBetweenCrashes = 150

    /// Whether every shim has ended, and only the supervisor may have work.
    var isQuiet: Bool { world.withState { state in state.pods.allSatisfy { $0.isOver && !$0.hasNamespace } } }

    /// One step with faults.
    func makeStep() {
        if random(Self.stepsBetweenCrashes) == 0, hasOperations { return crash(pick(processes)) }
        let choice = random(100)
        if choice < 70, runJob() { return }
        if choice < 92, completeOperation() { return }
        switch random(200) {
        case 0..<120: actAsShim()
        case 120..<170: passTime()
        case 170..<182: changeDisk()
        case 182..<188: changeCloud()
        case 188..<190: disturbVM()
        case 190..<192: jumpWallClock()
        case 192: cutPower()
        case 193: terminate()
        case 194...196: if current == nil { flipBit() }
        default: startProcess()
        }
    }

    private func pick(_ processes: [NodeProcess]) -> NodeProcess { processes[random(processes.count)] }

    private var hasOperations: Bool { world.withState { !$0.operations.isEmpty } }

    /// One step without faults: everything that can be done is done before time passes.
    func makeSettlingStep() {
        if processes.isEmpty { startProcess() }
        if runJob() || completeOperation() { return }
        if isEnding { return terminate() }
        if finishShims() { return }
        passTime()
    }

    private var isEnding: Bool {
        world.withState { state in state.lockHolder.map { state.processes[$0] == .ending } ?? false }
    }

    func random(_ limit: Int) -> Int { world.withState { $0.random.below(limit) } }

    /// Runs a ready job; false if there is none.
    private func runJob() -> Bool {
        let able = processes.filter { $0.executor.ready > 0 }
        guard !able.isEmpty else { return false }
        let process = able.count == 1 ? able[0] : pick(able)
        let ready = process.executor.ready
        let index = world.withState { state in
            let index = state.random.below(ready)
            state.note(.job, process.id, index)
            return index
        }
        process.executor.run(at: index)
        if process.executor.escapes > 0 {
            world.withState { $0.check(.noEscape, false, "a job came from another thread") }
        }
        buryEnded(process)
        return true
    }

    /// Completes an operation that is ready; false if there is none.
    private func completeOperation() -> Bool {
        let resume: (() -> Void)? = world.withState { state in
            guard !state.operations.isEmpty else { return nil }
            let first = state.random.below(state.operations.count)
            for offset in state.operations.indices {
                let index = (first + offset) % state.operations.count
                guard state.isReady(state.operations[index]) else { continue }
                let operation = state.operations.remove(at: index)
                return operation.finish(&state, operation.isCancelled ? .cancelled : .completed)
            }
            return nil
        }
        resume?()
        return resume != nil
    }

    /// Lets the time pass until a task wakes or a late request takes effect.
    private func passTime() {
        let wake: ((Bool) -> Void)? = world.withState { state in
            let sleeper = state.sleepers.indices.min { state.sleepers[$0].due < state.sleepers[$1].due }
            let request = state.lateRequests.indices.min { state.lateRequests[$0].due < state.lateRequests[$1].due }
            let due = [sleeper.map { state.sleepers[$0].due }, request.map { state.lateRequests[$0].due }]
            // Without a sleeper, there is no task that could notice the time.
            let now = due.compactMap(\.self).min() ?? state.time + .seconds(1)
            state.time = max(state.time, now)
            state.note(.time)
            if let request, state.lateRequests[request].due <= now {
                state.lateRequests.remove(at: request).apply(&state)
                return nil
            }
            return sleeper.map { state.sleepers.remove(at: $0).wake }
        }
        wake?(true)
    }

    private func changeDisk() {
        world.withState { state in
            let isHealthy = state.disk.condition == .healthy
            // Faults are rarer and shorter than their absence.
            guard !isHealthy || state.random.chance(25) else { return }
            let condition: DiskCondition = isHealthy ? state.random.pick([.full, .readOnly, .failing]) : .healthy
            state.disk.condition = condition
            state.note(.diskChanges, -1, condition.rawValue)
        }
    }

    private func changeCloud() {
        world.withState { state in
            state.cloud.faultPercent = state.random.pick([0, 5, 20, 50])
            state.note(.cloudChanges, -1, state.cloud.faultPercent)
        }
    }

    /// A VM vanishes, another VM of the same name replaces it, or its tags are removed.
    private func disturbVM() {
        world.withState { state in
            let ours = state.cloud.vms.indices.filter {
                !state.cloud.vms[$0].isForeign && !state.cloud.vms[$0].isTampered
            }
            guard !ours.isEmpty else { return }
            let index = state.random.pick(ours)
            let vm = state.cloud.vms[index]
            let pod = state.pods.firstIndex { $0.id.rawValue == vm.tags[InstanceTags.sandbox] } ?? -1
            if state.random.chance(80) {
                state.loseVM(at: index, pod)
            } else {
                state.removeTags(ofVMAt: index)
            }
        }
    }

    /// A bit of a record flips while no process has read the record.
    private func flipBit() {
        world.withState { state in
            let whole = state.disk.directories.filter { $0.record != nil }
            guard !whole.isEmpty else { return }
            let directory = state.random.pick(whole)
            state.disk.flipBit(state.random.below(directory.bytes.count * 8), of: directory.id)
            state.count(.bitFlip)
            state.note(.bitFlipped, state.pod(of: directory.id))
        }
    }

    private func jumpWallClock() {
        world.withState { state in
            state.wallClockOffset += Int64(state.random.within(-86_400...86_400))
            state.count(.wallClockJump)
            state.note(.wallClockJumps)
        }
    }
}

extension WorldState {
    /// A VM vanishes. Parts of it may stay, or an operator creates another VM of that name and with those tags.
    fileprivate mutating func loseVM(at index: Int, _ pod: Int) {
        let vm = cloud.vms.remove(at: index)
        loseVM(of: pod)
        guard random.chance(40) else {
            count(.vmVanished)
            note(.vmVanished, pod, vm.serial)
            return leaveParts(of: vm)
        }
        let successor = vm.successor(serial: makeID())
        cloud.vms.append(successor)
        count(.vmExchanged)
        note(.vmExchanged, pod, successor.serial)
    }
}
