internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension ResourceManager {
    /// `PUT` of a VM: creates it; an existing VM is not changed.
    func putMachine(_ id: FakeResourceID, _ exchange: Exchange) async throws(FakeARMFault) -> HTTPResponse {
        try ResourceName.checkMachineName(id.name)
        let sent = try ResourceManager.parse(exchange.request)
        let body = try MachineBody(parsing: sent, region: options.region)
        let answer = try store.update {
            (content) throws(FakeARMFault) -> (
                machine: FakeVirtualMachine, isNew: Bool, before: FakeVirtualMachine.State?
            )
            in
            let present = content.state.machines[id]
            try Preconditions.check(exchange.request, etag: present.map { "\($0.etag)" })
            if let present {
                try ResourceManager.checkChange(of: present, to: body, sent)
                return (ResourceManager.touch(present, in: &content, at: exchange.received), false, present.state)
            }
            let lack = try self.admit(id, body, content)
            let faults = content.faults.draw(.machinePut, id.name, ofMachine: true)
            let machine = content.state.accept(
                id, body, sent: sent, from: exchange.origin, outcome: lack.map { .failure($0) } ?? .success,
                isPlaced: lack == nil, at: exchange.received)
            for fault in faults { content.state.change(id, machine.vmID) { $0.apply(fault.action) } }
            return (content.state.machines[id] ?? machine, true, nil)
        }
        if answer.isNew {
            provisioning.startProvisioning(answer.machine)
            logger.info("VM \(id.name) is accepted", [LogField("size", body.size.name)])
        } else if answer.machine.state == .updating, let before = answer.before, before != .updating {
            provisioning.startSettling(answer.machine, after: before)
        }
        let (accept, json, operation) = store.withContent { content in
            (
                content.scenario.delays.accept, answer.machine.json(in: content.state),
                content.state.operations[answer.machine.operation]
            )
        }
        if accept > .zero { try? await loop.sleep(until: exchange.received.instant(plus: accept)) }
        var headers = HTTPHeaders([("ETag", "\"\(answer.machine.etag)\"")])
        if answer.machine.state == .creating, let operation {
            for (name, value) in self.headers(of: operation, exchange, withLocation: false).fields {
                headers.add(name, value)
            }
        }
        return .json(json, status: answer.isNew ? 201 : 200, headers: headers)
    }

    /// Checks whether a VM can be created.
    ///
    /// A separate function, so that its references to the state end before the state changes: the change would copy
    /// it.
    /// - Returns: the error with which the operation will fail; nil if it will succeed.
    /// - Throws: ARM's refusal of the request.
    private func admit(_ id: FakeResourceID, _ body: MachineBody, _ content: borrowing ResourceStore.Content)
        throws(FakeARMFault)
        -> FakeARMFault?
    {
        let admission = Admission(
            state: content.state, scenario: content.scenario,
            fixtures: Fixtures(options, account, content.scenario, content.state))
        try admission.check(id, body)
        return admission.allocationFailure(body)
    }

    /// A PUT of an existing VM: only the ETag changes.
    private static func touch(
        _ machine: FakeVirtualMachine, in content: inout ResourceStore.Content, at now: WallTime
    ) -> FakeVirtualMachine {
        guard machine.isSettled else { return machine }
        content.state.change(machine.id, machine.vmID) {
            $0.state = .updating
            $0.etag += 1
            $0.since = now
        }
        return content.state.machines[machine.id] ?? machine
    }

    /// `PATCH` of a VM: tags, identity, user data.
    func patchMachine(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let patch = try ARMNode(try ResourceManager.parse(exchange.request))
        let (json, operation, changed, before) = try store.update {
            (content) throws(FakeARMFault) -> (
                JSONValue, LongRunningOperation, FakeVirtualMachine, FakeVirtualMachine.State
            )
            in
            guard let machine = content.state.machines[id] else { throw .notFound(id) }
            try Preconditions.check(exchange.request, etag: "\(machine.etag)")
            guard machine.state != .deleting else { throw ResourceManager.beingDeleted(id) }
            guard machine.isSettled else { throw ResourceManager.busy(id) }
            let sent = try machine.patched(by: patch)
            let body = try MachineBody(parsing: sent, region: self.options.region)
            let operation = LongRunningOperation(
                id: RandomID.guid(), style: .compute, target: id, isDeletion: false, started: exchange.received)
            content.state.operations.add(operation)
            content.state.change(id, machine.vmID) {
                $0.sent = sent
                $0.body = body
                $0.state = .updating
                $0.operation = operation.id
                $0.etag += 1
                $0.since = exchange.received
                $0.origin = exchange.origin
            }
            let changed = content.state.machines[id] ?? machine
            return (changed.json(in: content.state), operation, changed, machine.state)
        }
        provisioning.startSettling(changed, after: before)
        var headers = self.headers(of: operation, exchange, withLocation: false)
        headers.add("ETag", "\"\(changed.etag)\"")
        return .json(json, headers: headers)
    }

    /// `DELETE` of a VM.
    func deleteMachine(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        if let force = exchange.query("forcedeletion"), !["true", "false"].contains(force.lowercased()) {
            throw .invalid("forceDeletion", "The value '\(force)' of forceDeletion is neither true nor false.")
        }
        let (operation, isNew) = try store.update { (content) throws(FakeARMFault) -> (LongRunningOperation?, Bool) in
            let present = content.state.machines[id]
            if let present { try Preconditions.check(exchange.request, etag: "\(present.etag)") }
            let operation = content.state.beginDeletion(id, from: exchange.origin, at: exchange.received)
            return (operation, present.map { $0.state != .deleting } ?? false)
        }
        guard let operation else { return HTTPResponse(status: 204) }
        if isNew { provisioning.startDeletion(id, received: exchange.received) }
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
