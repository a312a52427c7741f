internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension ResourceManager {
    /// `GET` of an operation: its status, or with `monitor=true` (networks: another path) its result.
    func readOperation(
        _ id: String, _ style: LongRunningOperation.Style, isResult: Bool, _ exchange: Exchange
    ) throws(FakeARMFault) -> HTTPResponse {
        let (operation, retryAfter) = store.withContent { ($0.state.operations[id], $0.scenario.retryAfter) }
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

    /// The headers with the URLs of an operation.
    func headers(of operation: LongRunningOperation, _ exchange: Exchange, withLocation: Bool) -> HTTPHeaders {
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
        let retryAfter = store.withContent { $0.scenario.retryAfter }
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
