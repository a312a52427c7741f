internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// Answers those who direct the play, or look behind the scene, and have shown the account's secret:
    ///
    ///     GET, PUT, DELETE /control/scenario    what happens: as it is, another, none
    ///     GET    /control/state                 what there is, since when, by whom
    ///     DELETE /control/tokens                every access token is void from now on
    func control(_ exchange: Exchange, _ path: [String]) -> HTTPResponse {
        switch (exchange.request.method, path.map { $0.lowercased() }) {
        case ("PUT", ["scenario"]):
            do {
                let scenario = try AzureScenario(parsing: exchange.request.body)
                direct(scenario, text: exchange.request.body)
                return .json(["scenario": "taken"])
            } catch {
                return .json(["error": .string("the scenario is not taken: \(error)")], status: 400)
            }
        case ("DELETE", ["scenario"]):
            direct(AzureScenario(), text: [])
            return .json(["scenario": "none"])
        case ("GET", ["scenario"]):
            let text = core.withLock { $0.scenarioText }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: text.isEmpty ? Array("{}".utf8) : text)
        case ("GET", ["state"]): return .json(stateReport)
        case ("DELETE", ["tokens"]):
            core.withLock { $0.tokens.revokeAll() }
            return .json(["tokens": "void"])
        default:
            return .json(
                [
                    "error":
                        "control has GET, PUT, DELETE scenario; GET state; DELETE tokens"
                ], status: 404)
        }
    }

    /// Makes another scenario happen from now on; what is under way goes on as it was begun.
    package func direct(_ scenario: AzureScenario) { direct(scenario, text: []) }

    private func direct(_ scenario: AzureScenario, text: [UInt8]) {
        core.withLock { core in
            core.scenario = scenario
            core.scenarioText = text
            core.faults = FaultInjector(scenario.faults)
        }
    }

    /// What there is: every resource with its state, since when, and by whom.
    private var stateReport: JSONValue {
        let (state, calls, throttled) = core.withLock { ($0.state, $0.calls, $0.throttled) }
        var resources: [JSONValue] = []
        func add(
            _ id: FakeResourceID, _ status: String, _ made: WallTime, _ since: WallTime, _ origin: AzureOrigin,
            owner: FakeResourceID? = nil
        ) {
            var members = JSONObject(members: [
                "type": .string(id.kind.typeName), "name": .string(id.name),
                "id": .string(id.path(in: state.subscription)), "state": .string(status),
                "made": .string(made.description), "since": .string(since.description),
                "by": .string(origin.principal), "clientRequestId": .string(origin.clientRequestID),
            ])
            if let owner { members["owner"] = .string(owner.path(in: state.subscription)) }
            resources.append(.object(members))
        }
        for machine in state.machines.all {
            add(machine.id, machine.state.text, machine.made, machine.since, machine.origin)
        }
        for interface in state.interfaces.all {
            add(interface.id, "Succeeded", interface.made, interface.made, interface.origin, owner: interface.machine)
        }
        for address in state.publicAddresses.all {
            add(address.id, "Succeeded", address.made, address.made, address.origin, owner: address.interface)
        }
        for disk in state.disks.all {
            let status = disk.machine == nil ? "Unattached" : "Attached"
            add(disk.id, status, disk.made, disk.made, disk.origin, owner: disk.machine)
        }
        return [
            "resources": .array(resources), "calls": .integer(Int64(calls)), "throttled": .integer(Int64(throttled)),
        ]
    }
}
