internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// The moment so long after a time of the wall clock.
    func moment(_ time: WallTime, plus delay: Duration) -> ContinuousClock.Instant {
        let passed = WallTime.now.millisecondsSinceEpoch - time.millisecondsSinceEpoch
        return .now.advanced(by: delay - .milliseconds(passed))
    }

    /// Takes up what an earlier process has left half done.
    func resumeWork() {
        change { $0.state.sweep($0.state.unswept) }
        for machine in core.withLock({ $0.state.machines.all }) {
            switch machine.state {
            case .creating: startProvisioning(machine)
            case .updating: startSettling(machine, after: .succeeded)
            case .deleting: startDeletion(machine.id, received: machine.since)
            case .succeeded, .failed: break
            }
            if machine.state != .creating, machine.state != .deleting { serveGuest(machine) }
        }
    }

    func startProvisioning(_ machine: FakeVirtualMachine) {
        let child = work.start {
            do {
                let fault = try await self.provision(machine)
                self.settle(machine, fault)
            } catch is CancellationError {
                // Deleted, or the process ends; in that case the next one goes on.
            } catch is LoopStopped {
            } catch {
                self.logger.warning("VM \(machine.id.name) cannot be made", [LogField("error", error)])
                self.settle(
                    machine,
                    FakeARMFault(200, "InternalExecutionError", "An internal execution error occurred: \(error)"))
            }
        }
        core.withLock { $0.children[machine.id] = child }
    }

    /// Makes a VM, as slowly as the scenario says.
    ///
    /// - Returns: what the operation fails with; nil: it succeeds.
    private func provision(_ machine: FakeVirtualMachine) async throws -> FakeARMFault? {
        let (delays, suffixes) = core.withLock { ($0.scenario.delays, $0.scenario.suffixesInterfaces) }
        let (id, vmID) = (machine.id, machine.vmID)
        func reach(_ delay: Duration) async throws {
            if delay > .zero { try await loop.sleep(until: moment(machine.made, plus: delay)) }
            try Task.checkCancellation()
        }
        try await reach(delays.nic)
        change { $0.state.makeParts(id, vmID, suffixesInterfaces: suffixes, at: .now) }
        switch machine.fate {
        case .failure(let fault): return fault
        case .nothing:
            try await reach(delays.operation)
            change { core in
                core.state.vanish(id, vmID, at: .now)
                core.children[id] = nil
            }
            return nil
        case .noAddress:
            try await reach(delays.operation)
            return nil
        case .success: break
        }
        let address = try await machines.reserveAddress(for: machine.machineName)
        try Task.checkCancellation()
        change { $0.state.assign(address, to: id, vmID) }
        var order = MachineOrder(name: machine.machineName)
        for (name, value) in machine.body.tags.entries { order.tags[name] = value.stringValue }
        let boot = moment(machine.made, plus: delays.boot) - .now
        order.bootDelay = max(.zero, boot)
        order.fault = machine.guestFault
        order.life = machine.guestLife
        order.metadataEndpoint = "\(metadataEndpoint)/imds/\(machine.metadataToken)"
        try await machines.powerOn(order, at: address)
        serveGuest(machine)
        try await reach(delays.operation)
        return try await awaitGuest(machine, limit: delays.provisioningLimit)
    }

    /// Waits until the guest calls itself provisioned.
    private func awaitGuest(_ machine: FakeVirtualMachine, limit: Duration) async throws -> FakeARMFault? {
        let end = moment(machine.made, plus: limit)
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
        change { $0.state.settle(machine.id, machine.vmID, fault, at: .now) }
        if let fault { logger.info("VM \(machine.id.name) has failed", [LogField("code", fault.code)]) }
    }

    /// Ends a change to a VM, which then is as it was before.
    func startSettling(_ machine: FakeVirtualMachine, after before: FakeVirtualMachine.State) {
        var fault: FakeARMFault?
        if case .failed(let cause) = before { fault = cause }
        let outcome = fault
        let child = work.start {
            let delay = self.core.withLock { $0.scenario.delays.update }
            do {
                try await self.loop.sleep(until: self.moment(machine.since, plus: delay))
                self.settle(machine, outcome)
            } catch {
                return  // As above.
            }
        }
        core.withLock { $0.children[machine.id] = child }
    }

    func startDeletion(_ id: FakeResourceID, received: WallTime) {
        let (machine, previous, delay) = core.withLock { core in
            (core.state.machines[id], core.children[id], core.scenario.delays.delete)
        }
        guard let machine else { return }
        previous?.cancel()
        let child = work.start {
            // Whatever was under way may yet give the machine power.
            await previous?.finished()
            do {
                if delay > .zero { try await self.loop.sleep(until: self.moment(received, plus: delay)) }
                try Task.checkCancellation()
                await self.endGuestServer(id)
                try await self.machines.remove(machine.machineName)
            } catch is CancellationError {
                return
            } catch is LoopStopped {
                return
            } catch {
                self.logger.warning("VM \(id.name) cannot be removed", [LogField("error", error)])
                let fault = FakeARMFault(
                    200, "InternalExecutionError", "An internal execution error occurred: \(error)")
                return self.change { $0.state.failDeletion(id, fault, at: .now) }
            }
            let linger = self.core.withLock { $0.scenario.delays.linger }
            var left: [FakeResourceID] = []
            self.change { core in
                left = core.state.finishDeletion(id, lingers: linger > .zero, at: .now)
                core.children[id] = nil
            }
            self.logger.info("VM \(id.name) is gone")
            guard !left.isEmpty, (try? await self.loop.sleep(for: linger)) != nil else { return }
            let swept = left
            self.change { $0.state.sweep(swept) }
        }
        core.withLock { $0.children[id] = child }
    }

    /// A change that nobody can refuse.
    func change(_ body: (inout Core) -> Void) {
        core.withLock { core in
            body(&core)
            let changes = core.state.takeChanges()
            if let files { for id in changes { files.keep(id, core.state, logger) } }
        }
    }
}
