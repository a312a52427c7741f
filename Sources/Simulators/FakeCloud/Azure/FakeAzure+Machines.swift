internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// `PUT` of a VM: makes it, or changes nothing.
    func putMachine(_ id: FakeResourceID, _ exchange: Exchange) async throws(FakeARMFault) -> HTTPResponse {
        try ResourceName.checkMachineName(id.name)
        let sent = try FakeAzure.parse(exchange.request)
        let body = try MachineBody(parsing: sent, region: options.region)
        let answer = try update {
            (core) throws(FakeARMFault) -> (machine: FakeVirtualMachine, isNew: Bool, before: FakeVirtualMachine.State?)
            in
            let present = core.state.machines[id]
            try Preconditions.check(exchange.request, etag: present.map { "\($0.etag)" })
            if let present {
                try FakeAzure.checkChange(of: present, to: body, sent)
                return (FakeAzure.touch(present, in: &core, at: exchange.received), false, present.state)
            }
            let lack = try self.admit(id, body, core)
            let faults = core.faults.draw(.machinePut, id.name, ofMachine: true)
            let machine = core.state.accept(
                id, body, sent: sent, from: exchange.origin, fate: lack.map { .failure($0) } ?? .success,
                isPlaced: lack == nil, at: exchange.received)
            for fault in faults { core.state.change(id, machine.vmID) { $0.apply(fault.action) } }
            return (core.state.machines[id] ?? machine, true, nil)
        }
        if answer.isNew {
            startProvisioning(answer.machine)
            logger.info("VM \(id.name) is accepted", [LogField("size", body.size.name)])
        } else if answer.machine.state == .updating, let before = answer.before, before != .updating {
            startSettling(answer.machine, after: before)
        }
        let (accept, json, operation) = core.withLock { core in
            (
                core.scenario.delays.accept, answer.machine.json(in: core.state),
                core.state.operations[answer.machine.operation]
            )
        }
        if accept > .zero { try? await loop.sleep(until: moment(exchange.received, plus: accept)) }
        var headers = HTTPHeaders([("ETag", "\"\(answer.machine.etag)\"")])
        if answer.machine.state == .creating, let operation {
            for (name, value) in self.headers(of: operation, exchange, withLocation: false).fields {
                headers.add(name, value)
            }
        }
        return .json(json, status: answer.isNew ? 201 : 200, headers: headers)
    }

    /// Looks whether there is room and right for a VM.
    ///
    /// A function of its own, so that its copies of the state are gone before that changes: it would be copied whole.
    /// - Returns: what its operation will fail with, if it must.
    /// - Throws: what ARM answers at once.
    private func admit(_ id: FakeResourceID, _ body: MachineBody, _ core: borrowing Core) throws(FakeARMFault)
        -> FakeARMFault?
    {
        let admission = Admission(
            state: core.state, scenario: core.scenario,
            fixtures: Fixtures(options, account, core.scenario, core.state))
        try admission.check(id, body)
        return admission.allocationFailure(body)
    }

    /// A PUT of what is there: nothing changes but the etag.
    private static func touch(
        _ machine: FakeVirtualMachine, in core: inout Core, at now: WallTime
    ) -> FakeVirtualMachine {
        guard machine.isSettled else { return machine }
        core.state.change(machine.id, machine.vmID) {
            $0.state = .updating
            $0.etag += 1
            $0.since = now
        }
        return core.state.machines[machine.id] ?? machine
    }

    /// `PATCH` of a VM: tags, identity, user data.
    func patchMachine(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let patch = try ARMNode(try FakeAzure.parse(exchange.request))
        let (json, operation, changed, before) = try update {
            (core) throws(FakeARMFault) -> (JSONValue, LongOperation, FakeVirtualMachine, FakeVirtualMachine.State) in
            guard let machine = core.state.machines[id] else { throw .notFound(id) }
            try Preconditions.check(exchange.request, etag: "\(machine.etag)")
            guard machine.state != .deleting else { throw FakeAzure.beingDeleted(id) }
            guard machine.isSettled else { throw FakeAzure.busy(id) }
            let sent = try machine.patched(by: patch)
            let body = try MachineBody(parsing: sent, region: self.options.region)
            let operation = LongOperation(
                id: RandomID.guid(), style: .compute, target: id, isDeletion: false, started: exchange.received)
            core.state.operations.add(operation)
            core.state.change(id, machine.vmID) {
                $0.sent = sent
                $0.body = body
                $0.state = .updating
                $0.operation = operation.id
                $0.etag += 1
                $0.since = exchange.received
                $0.origin = exchange.origin
            }
            let changed = core.state.machines[id] ?? machine
            return (changed.json(in: core.state), operation, changed, machine.state)
        }
        startSettling(changed, after: before)
        var headers = self.headers(of: operation, exchange, withLocation: false)
        headers.add("ETag", "\"\(changed.etag)\"")
        return .json(json, headers: headers)
    }

    /// `DELETE` of a VM.
    func deleteMachine(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        if let force = exchange.query("forcedeletion"), !["true", "false"].contains(force.lowercased()) {
            throw .invalid("forceDeletion", "The value '\(force)' of forceDeletion is neither true nor false.")
        }
        let (operation, isNew) = try update { (core) throws(FakeARMFault) -> (LongOperation?, Bool) in
            let present = core.state.machines[id]
            if let present { try Preconditions.check(exchange.request, etag: "\(present.etag)") }
            let operation = core.state.beginDeletion(id, from: exchange.origin, at: exchange.received)
            return (operation, present.map { $0.state != .deleting } ?? false)
        }
        guard let operation else { return HTTPResponse(status: 204) }
        if isNew { startDeletion(id, received: exchange.received) }
        return HTTPResponse(status: 202, headers: headers(of: operation, exchange, withLocation: true))
    }

    /// `DELETE` of an interface, an address or a disk.
    func deletePart(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let operation = try update { (core) throws(FakeARMFault) in
            try core.state.delete(id, at: exchange.received)
        }
        guard let operation else { return HTTPResponse(status: 204) }
        return HTTPResponse(status: 202, headers: headers(of: operation, exchange, withLocation: true))
    }

    static func parse(_ request: HTTPRequest) throws(FakeARMFault) -> JSONValue {
        let type = request.headers["Content-Type"]?.lowercased() ?? ""
        guard type.hasPrefix("application/json") else {
            throw FakeARMFault(
                415, "UnsupportedMediaType",
                "The content media type '\(type)' is not supported. Only 'application/json' is supported.",
                isGateway: true)
        }
        guard !request.body.isEmpty else {
            throw FakeARMFault(400, "MissingRequestBody", "The request body is missing.", isGateway: true)
        }
        do {
            return try JSONValue(parsing: request.body, limits: JSONLimits(size: 4 << 20))
        } catch {
            var fault = FakeARMFault.malformed(error)
            fault.isGateway = true
            throw fault
        }
    }
}
