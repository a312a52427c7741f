internal import JSON
internal import Telemetry

/// An operation that ARM has not finished when it answers the request.
struct LongRunningOperation: Equatable, Sendable {
    /// The resource provider, which decides the URLs and the form of the status.
    enum Style: String, Sendable { case compute, network, disk }

    enum Status: Equatable, Sendable {
        case running, succeeded, canceled
        case failed(FakeARMFault)
    }

    let id: String
    let style: Style
    let target: FakeResourceID
    /// Whether it deletes its target.
    let isDeletion: Bool
    let started: WallTime
    var ended: WallTime?
    var status = Status.running

    /// The answer to `GET <operation>`.
    var body: JSONValue {
        var members = JSONObject()
        if style != .network {
            members["startTime"] = .string(started.description)
            if let ended { members["endTime"] = .string(ended.description) }
        }
        switch status {
        case .running: members["status"] = "InProgress"
        case .succeeded: members["status"] = "Succeeded"
        case .canceled:
            members["status"] = "Canceled"
            let fault = FakeARMFault(
                409, "OperationPreempted", "The operation has been preempted by a more recent operation.")
            members["error"] = fault.body
        case .failed(let fault):
            members["status"] = "Failed"
            members["error"] = fault.body
        }
        if style != .network { members["name"] = .string(id) }
        return .object(members)
    }
}

/// The recent operations, by id; the oldest are forgotten, as Azure forgets them.
struct OperationRegistry: Sendable {
    /// How many operations are kept.
    static let limit = 50_000

    private var operations: [String: LongRunningOperation] = [:]
    private var order: [String] = []
    private var forgotten = 0

    subscript(id: String) -> LongRunningOperation? { operations[id.lowercased()] }

    mutating func add(_ operation: LongRunningOperation) {
        let key = operation.id.lowercased()
        if operations.updateValue(operation, forKey: key) == nil { order.append(key) }
        while order.count - forgotten > OperationRegistry.limit {
            operations[order[forgotten]] = nil
            forgotten += 1
        }
        if forgotten > OperationRegistry.limit {
            order.removeFirst(forgotten)
            forgotten = 0
        }
    }

    mutating func end(_ id: String, _ status: LongRunningOperation.Status, at now: WallTime) {
        guard var operation = operations[id.lowercased()], operation.status == .running else { return }
        operation.status = status
        operation.ended = now
        operations[id.lowercased()] = operation
    }
}
