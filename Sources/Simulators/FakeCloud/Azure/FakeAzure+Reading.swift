internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// `GET` of a resource.
    func read(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let expansion = try expansion(exchange)
        let found = core.withLock { core -> (text: [UInt8], etag: String?)? in
            let etag = core.state.etag(of: id)
            guard expansion != .none, let machine = core.state.machines[id] else {
                return core.state.document(id).map { ($0, etag) }
            }
            let status = expansion == .instanceView ? machines.status(of: machine.machineName) : nil
            return (machine.json(in: core.state, showing: expansion, status: status).encoded(), etag)
        }
        guard let (text, etag) = found else { throw .notFound(id) }
        return .json(text: text, headers: HTTPHeaders(etag.map { [("ETag", $0)] } ?? []))
    }

    private func expansion(_ exchange: Exchange) throws(FakeARMFault) -> FakeVirtualMachine.Expansion {
        switch exchange.query("$expand")?.lowercased() {
        case nil, "": return .none
        case "instanceview": return .instanceView
        case "userdata": return .userData
        case .some(let other):
            throw .invalid("$expand", "The $expand value '\(other)' is not one of instanceView, userData.")
        }
    }

    /// `GET .../instanceView`
    func readInstanceView(_ id: FakeResourceID) throws(FakeARMFault) -> HTTPResponse {
        let view = core.withLock { core in
            core.state.machines[id].map {
                $0.instanceView(in: core.state, status: machines.status(of: $0.machineName))
            }
        }
        guard let view else { throw .notFound(id) }
        return .json(view)
    }

    /// `GET` of a kind, in a group or everywhere, a page at a time.
    func list(_ kind: FakeResourceKind, _ route: ARMRoute, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        var after = 0
        if let token = exchange.query("$skiptoken") {
            guard let serial = Int(token), serial >= 0 else {
                throw .invalid("$skiptoken", "The skip token '\(token)' is none that a list has given.")
            }
            after = serial
        }
        // There is one group, and it has been looked at: a list of it is a list of all.
        let (text, next) = core.withLock { core in
            let page = core.state.page(of: kind, after: after, limit: core.scenario.pageSize)
            var text = Array("{\"value\":[".utf8)
            for id in page.ids {
                guard let document = core.state.document(id) else { continue }
                if text.last != UInt8(ascii: "[") { text.append(UInt8(ascii: ",")) }
                text += document
            }
            text.append(UInt8(ascii: "]"))
            return (text, page.next)
        }
        var whole = text
        if let next {
            let version = exchange.query("api-version") ?? ""
            let url = "\(exchange.endpoint)\(exchange.request.path)?api-version=\(version)&$skiptoken=\(next)"
            whole += Array(",\"nextLink\":".utf8) + JSONValue.string(url).encoded()
        }
        whole.append(UInt8(ascii: "}"))
        return .json(text: whole)
    }

    /// `GET` of an operation: its status, or with `monitor=true` (networks: another path) nothing but whether it is over.
    func readOperation(
        _ id: String, _ style: LongOperation.Style, isResult: Bool, _ exchange: Exchange
    ) throws(FakeARMFault) -> HTTPResponse {
        let (operation, retryAfter) = core.withLock { ($0.state.operations[id], $0.scenario.retryAfter) }
        guard let operation, operation.style == style else {
            throw FakeARMFault(
                404, "NotFound", "The entity was not found: operation '\(id)' is unknown or has expired.")
        }
        let isRunning = operation.status == .running
        let headers: HTTPHeaders = isRunning ? ["Retry-After": String(retryAfter)] : [:]
        guard isResult || exchange.query("monitor")?.lowercased() == "true" else {
            var body = operation.body
            if style == .disk, operation.status == .succeeded, case .object(var members) = body {
                members["properties"] = ["output": .object(JSONObject())]
                body = .object(members)
            }
            return .json(body, headers: headers)
        }
        switch operation.status {
        case .running:
            var headers = headers
            headers.add("Location", exchange.endpoint + exchange.request.target)
            return HTTPResponse(status: 202, headers: headers)
        case .failed(let fault):
            var fault = fault
            if fault.status < 400 { fault.status = 409 }
            throw fault
        case .canceled: throw FakeARMFault(409, "OperationPreempted", "The operation has been preempted.")
        case .succeeded:
            if operation.isDeletion { return HTTPResponse(status: 204) }
            return try read(operation.target, exchange)
        }
    }

    /// The headers that lead to an operation.
    func headers(of operation: LongOperation, _ exchange: Exchange, withLocation: Bool) -> HTTPHeaders {
        let version = exchange.query("api-version") ?? "2024-07-01"
        let provider = operation.style == .network ? "Microsoft.Network" : "Microsoft.Compute"
        let base =
            "\(exchange.endpoint)/subscriptions/\(options.subscriptionID)/providers/\(provider)"
            + "/locations/\(options.region)"
        let kind = operation.style == .disk ? "DiskOperations" : "operations"
        let opaque = "&t=\(operation.started.millisecondsSinceEpoch)&c=fake&s=fake&h=fake"
        let query =
            operation.style == .network
            ? "?api-version=\(version)\(opaque)" : "?p=\(RandomID.guid())&api-version=\(version)\(opaque)"
        let retryAfter = core.withLock { $0.scenario.retryAfter }
        var headers: HTTPHeaders = [
            "Azure-AsyncOperation": "\(base)/\(kind)/\(operation.id)\(query)",
            "Azure-AsyncNotification": "Enabled", "Retry-After": String(retryAfter),
        ]
        if withLocation {
            headers.add(
                "Location",
                operation.style == .network
                    ? "\(base)/operationResults/\(operation.id)\(query)"
                    : "\(base)/\(kind)/\(operation.id)\(query)&monitor=true")
        }
        return headers
    }
}
