internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// The control endpoint of a fake Azure, for tests on the same machine that have the account's secret:
///
///     GET, PUT, DELETE /control/scenario    reads, replaces, removes the scenario
///     GET    /control/state                 lists all resources, with their state, its time and the principal
///     DELETE /control/tokens                revokes every access token
struct ControlAPI: Sendable {
    let clientSecret: Secret<String>
    let store: ResourceStore
    let tokens: TokenEndpoint

    /// Whether a client at this address can use the endpoint: only this machine can.
    func isReachable(from peer: String) -> Bool {
        peer.hasPrefix("127.") || peer == "::1" || peer.hasPrefix("::ffff:127.")
    }

    /// Answers a request for `path` below `/control`.
    func answer(_ exchange: Exchange, _ path: [String]) -> HTTPResponse {
        guard isAuthorized(exchange.request) else { return ControlAPI.refusal }
        switch (exchange.request.method, path.map { $0.lowercased() }) {
        case ("PUT", ["scenario"]):
            do {
                let scenario = try AzureScenario(parsing: exchange.request.body)
                store.setScenario(scenario, text: exchange.request.body)
                return .json(["scenario": "taken"])
            } catch {
                return .json(["error": .string("the scenario is not taken: \(error)")], status: 400)
            }
        case ("DELETE", ["scenario"]):
            store.setScenario(AzureScenario())
            return .json(["scenario": "none"])
        case ("GET", ["scenario"]):
            let text = store.withContent { $0.scenarioText }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: text.isEmpty ? Array("{}".utf8) : text)
        case ("GET", ["state"]): return .json(stateReport)
        case ("DELETE", ["tokens"]):
            tokens.revokeAll()
            return .json(["tokens": "void"])
        default:
            return .json(
                [
                    "error":
                        "control has GET, PUT, DELETE scenario; GET state; DELETE tokens"
                ], status: 404)
        }
    }

    /// Whether a request shows the account's secret, which other users of this machine do not have.
    private func isAuthorized(_ request: HTTPRequest) -> Bool {
        let fields = (request.headers["Authorization"] ?? "").split(separator: " ")
        return fields.count == 2 && fields[0].lowercased() == "bearer" && clientSecret.matches(String(fields[1]))
    }

    private static let refusal = HTTPResponse.json(
        ["error": "control needs the header \"Authorization: Bearer SECRET\" with the account's client secret"],
        status: 401)

    /// Every resource with its state, the time of its last change, and the principal that created it.
    private var stateReport: JSONValue {
        let (state, calls, throttled) = store.withContent { ($0.state, $0.calls, $0.throttled) }
        var resources: [JSONValue] = []
        func add(
            _ id: FakeResourceID, _ status: String, _ made: WallTime, _ since: WallTime, _ origin: RequestOrigin,
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
