internal import JSON
internal import LinuxIO
internal import Telemetry

/// Creates, changes and deletes VMs after ARM has accepted the request: resources in the store, machines on their
/// host.
///
/// Concurrency: one task at a time for each VM, in `children`. That lock may be taken inside the store's, never the
/// other way round.
final class Provisioning: Sendable {
    let store: ResourceStore
    let machines: any MachineHost
    let metadata: FakeMetadataService
    private let metadataEndpoint: String
    let work: TaskPool
    let loop: EpollLoop
    let logger: Logger
    /// The work in progress, by VM.
    let children = Lock<[FakeResourceID: TaskPool.Child]>([:])

    init(
        store: ResourceStore, machines: any MachineHost, metadata: FakeMetadataService, metadataEndpoint: String,
        work: TaskPool, on loop: EpollLoop, logger: Logger
    ) {
        self.store = store
        self.machines = machines
        self.metadata = metadata
        self.metadataEndpoint = metadataEndpoint
        self.work = work
        self.loop = loop
        self.logger = logger
    }

    /// Resumes the work that an earlier process did not finish.
    func resume() {
        store.change { $0.state.sweep($0.state.unswept) }
        for machine in store.withContent({ $0.state.machines.all }) {
            switch machine.state {
            case .creating: startProvisioning(machine)
            case .updating: startSettling(machine, after: .succeeded)
            case .deleting: startDeletion(machine.id, received: machine.since)
            case .succeeded, .failed: break
            }
            if machine.state != .creating, machine.state != .deleting { metadata.serveGuest(machine) }
        }
    }

    /// Begins to create the machine of a VM.
    func startProvisioning(_ machine: FakeVirtualMachine) {
        let child = work.start {
            do {
                let fault = try await self.provision(machine)
                self.settle(machine, fault)
            } catch is CancellationError {
                // The VM is being deleted, or the process ends and the next one resumes the work.
            } catch is LoopStopped {
            } catch {
                self.logger.warning("VM \(machine.id.name) cannot be created", [LogField("error", error)])
                self.settle(
                    machine,
                    FakeARMFault(200, "InternalExecutionError", "An internal execution error occurred: \(error)"))
            }
        }
        children.withLock { $0[machine.id] = child }
    }

    /// Creates a VM with the delays of the scenario.
    ///
    /// - Returns: the error of the operation; nil if it succeeds.
    private func provision(_ machine: FakeVirtualMachine) async throws -> FakeARMFault? {
        let (delays, suffixes) = store.withContent { ($0.scenario.delays, $0.scenario.suffixesInterfaces) }
        let (id, vmID) = (machine.id, machine.vmID)
        func reach(_ delay: Duration) async throws {
            if delay > .zero { try await loop.sleep(until: machine.made.instant(plus: delay)) }
            try Task.checkCancellation()
        }
        try await reach(delays.nic)
        store.change { $0.state.makeParts(id, vmID, suffixesInterfaces: suffixes, at: .now) }
        switch machine.outcome {
        case .failure(let fault): return fault
        case .nothing:
            try await reach(delays.operation)
            store.change { content in
                content.state.vanish(id, vmID, at: .now)
                children.withLock { $0[id] = nil }
            }
            return nil
        case .noAddress:
            try await reach(delays.operation)
            return nil
        case .success: break
        }
        let address = try await machines.reserveAddress(for: machine.machineName)
        try Task.checkCancellation()
        store.change { $0.state.assign(address, to: id, vmID) }
        var spec = MachineSpec(name: machine.machineName)
        for (name, value) in machine.body.tags.entries { spec.tags[name] = value.stringValue }
        let boot = machine.made.instant(plus: delays.boot) - .now
        spec.bootDelay = max(.zero, boot)
        spec.fault = machine.guestFault
        spec.life = machine.guestLife
        spec.metadataEndpoint = "\(metadataEndpoint)/imds/\(machine.metadataToken)"
        try await machines.powerOn(spec, at: address)
        metadata.serveGuest(machine)
        try await reach(delays.operation)
        return try await awaitGuest(machine, limit: delays.provisioningLimit)
    }

    /// Waits until the guest reports that it is provisioned.
    private func awaitGuest(_ machine: FakeVirtualMachine, limit: Duration) async throws -> FakeARMFault? {
        let end = machine.made.instant(plus: limit)
        var pause = Duration.milliseconds(5)
        while true {
            switch machines.status(of: machine.machineName) {
            case .running: return nil
            case .failed(let reason):
                return FakeARMFault(
                    200, "OSProvisioningInternalError",
                    "OS Provisioning failed for VM '\(machine.id.name)' due to an internal error: \(reason)")
            case .booting, nil:
                if end <= .now {
                    return FakeARMFault(
                        200, "OSProvisioningTimedOut",
                        "OS Provisioning for VM '\(machine.id.name)' did not finish in the allotted time. The VM may "
                            + "still finish provisioning successfully. Please check provisioning state later.")
                }
            }
            try await loop.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    private func settle(_ machine: FakeVirtualMachine, _ fault: FakeARMFault?) {
        store.change { $0.state.settle(machine.id, machine.vmID, fault, at: .now) }
        if let fault { logger.info("VM \(machine.id.name) has failed", [LogField("code", fault.code)]) }
    }

    /// Ends a change to a VM after its delay; the VM then returns to the state before the change.
    func startSettling(_ machine: FakeVirtualMachine, after before: FakeVirtualMachine.State) {
        var fault: FakeARMFault?
        if case .failed(let cause) = before { fault = cause }
        let outcome = fault
        let child = work.start {
            let delay = self.store.withContent { $0.scenario.delays.update }
            do {
                try await self.loop.sleep(until: machine.since.instant(plus: delay))
                self.settle(machine, outcome)
            } catch {
                return  // As in startProvisioning.
            }
        }
        children.withLock { $0[machine.id] = child }
    }
}

extension WallTime {
    /// The moment on the monotonic clock that is `delay` after this time.
    func instant(plus delay: Duration) -> ContinuousClock.Instant {
        let passed = WallTime.now.millisecondsSinceEpoch - millisecondsSinceEpoch
        return .now.advanced(by: delay - .milliseconds(passed))
    }
}
